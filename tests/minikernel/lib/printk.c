/* How text leaves: the PL011, a very small printf, and the ways to die. */
#include "kernel.h"

#define PL011_DR ((volatile uint32_t *)0x09000000)
#define PL011_FR ((volatile uint32_t *)0x09000018)

static void put_char(char c)
{
#ifdef CONFIG_SERIAL_AMBA_PL011_CONSOLE
	while (*PL011_FR & 0x20)	/* the transmit queue is full */
		;
	*PL011_DR = (unsigned char)c;
#endif
}

void put(const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			put_char('\r');
		put_char(*text);
	}
}

/* Knows %s %u %llu %x %llx with a width and leading zeros or blanks. */
void format(char *out, size_t size, const char *fmt, va_list args)
{
	char *end = out + size - 1;

	for (; *fmt && out < end; fmt++) {
		char digits[24] = "", pad = ' ', *p = digits + sizeof(digits) - 1;
		const char *text = p;
		int width = 0, wide = 0;
		uint64_t n, base;

		if (*fmt != '%') {
			*out++ = *fmt;
			continue;
		}
		if (*++fmt == '0')
			pad = '0';
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = 10 * width + *fmt - '0';
		for (; *fmt == 'l'; fmt++)
			wide = 1;
		if (*fmt == 's') {
			text = va_arg(args, const char *);
		} else {
			base = *fmt == 'x' ? 16 : 10;
			n = wide ? va_arg(args, unsigned long long) : va_arg(args, unsigned int);
			do {
				*--p = "0123456789abcdef"[n % base];
				n /= base;
			} while (n || digits + sizeof(digits) - 1 - p < width);
			for (text = p; pad == ' ' && *p == '0' && p[1]; p++)
				*p = ' ';
		}
		while (*text && out < end)
			*out++ = *text++;
	}
	*out = '\0';
}

void print(char *out, size_t size, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	format(out, size, fmt, args);
	va_end(args);
}

void printk(const char *fmt, ...)
{
#ifdef CONFIG_PRINTK
	char text[512], stamp[32];
	unsigned long long us = now_us();
	va_list args;

	va_start(args, fmt);
	format(text, sizeof(text), fmt, args);
	va_end(args);
	print(stamp, sizeof(stamp), "[%5llu.%06llu] ", us / 1000000, us % 1000000);
	put(stamp);
	put(text);
	put("\n");
#endif
}

#ifndef CONFIG_PANIC_TIMEOUT
#define CONFIG_PANIC_TIMEOUT 0
#endif

/* Linux resets after a panic only if PANIC_TIMEOUT says so; the default is to hang. */
void panic(const char *why)
{
	printk("Kernel panic - not syncing: %s", why);
	printk("CPU: 0 UID: 0 PID: 1 Comm: init Not tainted %s", UTS_RELEASE);
	printk("Hardware name: linux,dummy-virt (DT)");
	printk("---[ end Kernel panic - not syncing: %s ]---", why);
	if (CONFIG_PANIC_TIMEOUT < 0)
		leave(PSCI_RESET);
	hang();
}

void oops(void)
{
	printk("Unable to handle kernel NULL pointer dereference at virtual address 0000000000000000");
	printk("Internal error: Oops: 0000000096000004 [#1] SMP");
	printk("pc : do_breakpoint+0x40/0x100");
	printk("---[ end trace 0000000000000000 ]---");
}

void hang(void)
{
	for (;;)
		__asm__ volatile("");
}
