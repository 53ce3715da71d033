/* What QEMU left in memory: the device tree, and the initramfs that it names. */
#include "kernel.h"

static uint32_t be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static const char *address(const unsigned char *value, uint32_t size)
{
	uint64_t low = be32(value + size - 4);

	return (const char *)(size == 8 ? (uint64_t)be32(value) << 32 | low : low);
}

/* Flattened device tree: 1 = node, 2 = its end, 3 = property, 4 = nothing, 9 = the end.
 * The three property names that we look for occur in one node each. */
struct machine read_device_tree(const unsigned char *dtb)
{
	struct machine m = { .cmdline = "" };

	if (!dtb || be32(dtb) != 0xd00dfeed)
		panic("no device tree");
	const unsigned char *p = dtb + be32(dtb + 8);
	const char *names = (const char *)dtb + be32(dtb + 12);
	for (uint32_t token; (token = be32(p)) != 9;) {
		p += 4;
		if (token == 1) {
			m.cpus += starts((const char *)p, "cpu@");
			while (*p)
				p++;
			p += 4 - ((uintptr_t)p & 3);	/* over the NUL to the next word */
		} else if (token == 3) {
			uint32_t size = be32(p);
			const char *name = names + be32(p + 4);

			p += 8;
			if (same(name, "bootargs"))
				m.cmdline = (const char *)p;
			if (same(name, "linux,initrd-start"))
				m.initrd = address(p, size);
			if (same(name, "linux,initrd-end"))
				m.initrd_end = address(p, size);
			p += (size + 3) & ~3u;
		}
	}
	return m;
}

static size_t hex8(const char *p)
{
	size_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 4 | (size_t)(p[i] <= '9' ? p[i] - '0' : (p[i] | 32) - 'a' + 10);
	return n;
}

/* cpio, format newc: 110 bytes of head, name, padding to 4, content, padding to 4. */
const char *find_file(const struct machine *m, const char *name, size_t *size)
{
	const char *p = m->initrd;

	while (p && p + 110 < m->initrd_end && starts(p, "070701")) {
		const char *content = p + ((110 + hex8(p + 94) + 3) & ~(size_t)3);

		*size = hex8(p + 54);
		if (same(p + 110, name))
			return content;
		p = content + ((*size + 3) & ~(size_t)3);
	}
	return NULL;
}
