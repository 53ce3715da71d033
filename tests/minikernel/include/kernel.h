/* What the files of the mini kernel know of each other. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define PSCI_OFF	0x84000008u
#define PSCI_RESET	0x84000009u

/* arch/arm64/kernel/head.S */
_Noreturn void firmware(uint64_t psci_function);

/* lib/printk.c */
void put(const char *text);
void format(char *out, size_t size, const char *fmt, va_list args);
void print(char *out, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void printk(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void panic(const char *why);
_Noreturn void hang(void);
void oops(void);

/* lib/lib.c */
int same(const char *a, const char *b);
int starts(const char *text, const char *prefix);
int contains(const char *text, const char *part);
uint32_t crc32(const char *text);
unsigned long long now_us(void);
void sleep_ms(unsigned int ms);
_Noreturn void idle(void);
_Noreturn void fault_for_ever(uint64_t vectors);
void set_clock(int seconds);
void burn_ms(unsigned int ms);
_Noreturn void leave(uint64_t psci_function);

/* lib/firmware.c */
struct machine {
	unsigned int cpus;
	const char *cmdline, *initrd, *initrd_end;
};
struct machine read_device_tree(const unsigned char *dtb);
const char *find_file(const struct machine *m, const char *name, size_t *size);

/* init/version.c */
extern const char linux_banner[];

/* init/probe.c */
extern const struct mode {
	enum {
		NORMAL, PANIC_EARLY, PANIC_BOOT, SILENT_BOOT, SILENT_BEFORE, FALLS_SILENT, SILENT_DURING, PANIC_DURING,
		OOPS_DURING, ENDLESS_OUTPUT, ENDLESS_AFTER, BEATS_FOREVER, NO_END, NO_POWER_OFF, NOISE,
		FORGED, TWO_STORIES, WRONG_BUILD_ID, SILENT_UNTIL_EARLYCON, IDLE_BOOT,
		PANIC_TALKING, FAULT_LOOP, TALKS_FOREVER, SETS_CLOCK, PANIC_AT_THE_END,
		RESET_AT_THE_END, RESET_DURING, OOPS_BOOT,
	} name;
	const char *where;
	uint64_t number;
} mode;
_Noreturn void probe(const char *nonce, unsigned int cpus);
