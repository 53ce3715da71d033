/* From the first instruction in C to the probe. */
#include "kernel.h"

void start_kernel(const unsigned char *dtb);
_Noreturn void unexpected(uint64_t esr, uint64_t elr, uint64_t far);

void unexpected(uint64_t esr, uint64_t elr, uint64_t far)
{
	char why[96];

	print(why, sizeof(why), "exception esr %llx elr %llx far %llx", (unsigned long long)esr,
	      (unsigned long long)elr, (unsigned long long)far);
	panic(why);
}

/* The initramfs is there, it has a program, and it has a nonce: 16 hex digits. */
static void read_nonce(const struct machine *m, char nonce[17])
{
	const char *file = NULL;
	size_t size = 0;

#ifdef CONFIG_BLK_DEV_INITRD
	file = find_file(m, "init", &size);
#endif
	if (!file)
		panic("VFS: Unable to mount root fs on unknown-block(0,0)");
	printk("Run /init as init process");
	file = find_file(m, "bisector.nonce", &size);
	if (!file || size < 16)
		panic("Attempted to kill init! exitcode=0x00000100");
	for (int i = 0; i < 16; i++)
		nonce[i] = file[i];
	nonce[16] = '\0';
}

void start_kernel(const unsigned char *dtb)
{
	char nonce[17];

	if (mode.name == PANIC_EARLY) {
		if (contains(read_device_tree(dtb).cmdline, "earlycon"))
			printk("Kernel panic - not syncing: no console yet");
		leave(PSCI_RESET);
	}
	if (mode.name == SILENT_BOOT)
		hang();
	if (mode.name == SILENT_UNTIL_EARLYCON) {
		if (contains(read_device_tree(dtb).cmdline, "earlycon"))
			printk("mini: why it dies");
		hang();
	}
	printk("Booting Linux on physical CPU 0x0000000000 [0x411fd070]");
	printk("%s", linux_banner);
	printk("Machine model: linux,dummy-virt");
	struct machine m = read_device_tree(dtb);
	printk("Kernel command line: %s", m.cmdline);
	printk("smp: Brought up 1 node, %u CPUs", m.cpus);
#ifdef CONFIG_HAVE_HW_BREAKPOINT
	printk("hw-breakpoint: found 6 breakpoint and 4 watchpoint registers.");
#endif
	if (mode.name == PANIC_BOOT)
		panic("the mini kernel was told to");
	if (mode.name == PANIC_TALKING)
		printk("Kernel panic - not syncing: and it does not end there");
	for (; mode.name == PANIC_TALKING; burn_ms(1000))
		printk("mini: still here");
	if (mode.name == OOPS_BOOT)
		oops();
	for (unsigned int n = 0; mode.name == ENDLESS_OUTPUT; n++)
		printk("mini: endless output, line %u", n);
	for (unsigned int n = 0; mode.name == FALLS_SILENT && n < mode.number; n++) {
		burn_ms(1000);
		printk("mini: still here");
	}
	if (mode.name == SILENT_BEFORE || mode.name == FALLS_SILENT || mode.name == OOPS_BOOT)
		hang();
	if (mode.name == IDLE_BOOT)
		idle();
	if (mode.name == FAULT_LOOP)
		fault_for_ever(mode.number);
	read_nonce(&m, nonce);
	probe(nonce, m.cpus);
}
