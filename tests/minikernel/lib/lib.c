/* Strings, a checksum, the time. */
#include "kernel.h"

int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

int starts(const char *text, const char *prefix)
{
	while (*prefix && *text == *prefix)
		text++, prefix++;
	return !*prefix;
}

int contains(const char *text, const char *part)
{
	for (; *text; text++)
		if (starts(text, part))
			return 1;
	return 0;
}

/* gcc makes calls of these two out of struct copies, whatever -ffreestanding says. */
void *memcpy(void *to, const void *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((volatile char *)to)[i] = ((const char *)from)[i];
	return to;
}

void *memset(void *to, int c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((volatile char *)to)[i] = (char)c;
	return to;
}

uint32_t crc32(const char *text)
{
	uint32_t crc = ~0u;

	for (; *text; text++) {
		crc ^= (unsigned char)*text;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static uint64_t ticks(void)
{
	uint64_t now;

	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(now));
	return now;
}

static uint64_t ticks_per_second(void)
{
	uint64_t frequency;

	__asm__("mrs %0, cntfrq_el0" : "=r"(frequency));
	return frequency;
}

unsigned long long now_us(void)
{
	return ticks() * 1000 / (ticks_per_second() / 1000);
}

static uint64_t arm_timer(unsigned int ms)
{
	uint64_t end = ticks() + ms * ticks_per_second() / 1000;

	__asm__ volatile("msr cntv_cval_el0, %0; msr cntv_ctl_el0, %1; isb" :: "r"(end), "r"(1ul));
	return end;
}

/* An idle CPU: with -icount sleep=off QEMU jumps straight to the timer's interrupt, which ends
 * the wfi although interrupts stay masked.  The GICv2 must pass it on for that. */
void sleep_ms(unsigned int ms)
{
	uint64_t end = arm_timer(ms);

	*(volatile uint32_t *)0x08000000 = 1;		/* GICD_CTLR */
	*(volatile uint32_t *)0x08000100 = 1u << 27;	/* GICD_ISENABLER0: the virtual timer */
	*(volatile uint32_t *)0x08010004 = 0xff;	/* GICC_PMR */
	*(volatile uint32_t *)0x08010000 = 1;		/* GICC_CTLR */
	while (ticks() < end)
		__asm__ volatile("wfi");
}

/* An idle CPU that no timer will ever wake. */
void idle(void)
{
	__asm__ volatile("msr cntv_ctl_el0, xzr; isb");
	for (;;)
		__asm__ volatile("wfi");
}

/* Each fault's handler is no memory, so it faults again; the host has its work with it all the time. */
void fault_for_ever(uint64_t vectors)
{
	__asm__ volatile("msr vbar_el1, %0; isb; brk #1" :: "r"(vectors));
	for (;;)
		;
}

/* The PL031 counts on from whatever it is told; firmware and rtc drivers do this. */
void set_clock(int seconds)
{
	volatile uint32_t *data = (volatile uint32_t *)0x09010000, *load = (volatile uint32_t *)0x09010008;

	*load = *data + (uint32_t)seconds;
}

/* A busy CPU: costs the host real time. Reading the clock costs it most, so that is done seldom. */
void burn_ms(unsigned int ms)
{
	for (uint64_t end = ticks() + ms * ticks_per_second() / 1000; ticks() < end;)
		for (int i = 0; i < 10000; i++)
			__asm__ volatile("");
}

/* With no timer armed QEMU warns "icount sleep disabled and no active timers" on its way out. */
void leave(uint64_t psci_function)
{
	arm_timer(1000);
	firmware(psci_function);
}
