/* What a real kernel's initramfs says about it, said by the kernel itself: see PROTOCOL.md. */
#include "kernel.h"

enum outcome { OK, STUCK, DUP, FLAKY, LOST, UNSUP, KILLED, HUNG, UNKILLABLE, DEAD, MISSING };
struct scenario {
	const char *name;
	enum outcome outcome;
	const char *facts;		/* NULL: made from the outcome */
};

#define HITS(name, outcome)		{ name, outcome, NULL }
#define FACTS(name, outcome, facts)	{ name, outcome, facts }
#define TOGETHER			(LEFT && RIGHT ? OK : STUCK)

#define SILENT_DURING(name)		SILENT_DURING, name
#define BEATS_FOREVER(name)		BEATS_FOREVER, name
#define PANIC_DURING(name)		PANIC_DURING, name
#define OOPS_DURING(name)		OOPS_DURING, name
#define RESET_DURING(name)		RESET_DURING, name
#define TALKS_FOREVER(name, ms)		TALKS_FOREVER, name, ms
#define FALLS_SILENT(seconds)		FALLS_SILENT, .number = (uint64_t)(seconds)
#define SETS_CLOCK(name, seconds)	SETS_CLOCK, name, (uint64_t)(seconds)
#define FAULT_LOOP(address)		FAULT_LOOP, .number = address

#include "behaviour.h"

#define LENGTH(array)	(sizeof(array) / sizeof((array)[0]))
#define TRIGGERS	50u
#define LIMIT		50u
#define DEADLINE_SECONDS 10
#define GRACE_SECONDS	3

const struct mode mode = { .name = MODE };
static const char *nonce;
static unsigned int said, beats, kept;
static struct line { unsigned int seq; char payload[401]; } lines[8 * LENGTH(scenarios) + 16];

static unsigned int now_ms(void)
{
	return (unsigned int)(now_us() / 1000);
}

/* The frame of a line in three parts, so that noise fits between them. */
static void frame(const char *who, unsigned int seq, uint32_t flip, const char *payload, int torn)
{
	static char text[440];

	print(text, sizeof(text), "%s %u %s", who, seq, payload);
	uint32_t crc = crc32(text) ^ flip;
	if (torn && seq % 2)			/* a frame may start inside a console line */
		put("[    0.000000] random: crng init done");
	print(text, sizeof(text), "@bsct %s %u", who, seq);
	put(text);
	if (torn && seq % 2 == 0) {
		put("\n");
		printk("mini: a message in the middle of a frame");
	}
	print(text, sizeof(text), " %08x ", crc);
	put(text);
	put(payload);
	put("\n");
}

static void first_time(unsigned int seq, const char *payload)
{
	if (mode.name == FORGED) {
		frame("0123456789abcdef", seq, 0, "fact scenario=exec-sigtrap open=0 triggers=1 "
		      "limit=1000 hits_min=1 hits_max=1 stuck=0 once=1", 0);
		frame("fedcba9876543210", seq, 0, "end lines=0 ms=1", 0);
		frame(nonce, seq, 1, "done scenario=exec-sigtrap exit=signal:9 ms=1", 0);
	}
	frame(nonce, seq, 0, payload, mode.name == NOISE);
}

__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
	struct line *line = &lines[kept < LENGTH(lines) - 1 ? kept++ : kept];
	va_list args;

	va_start(args, fmt);
	format(line->payload, sizeof(line->payload), fmt, args);
	va_end(args);
	line->seq = said++;
	first_time(line->seq, line->payload);
}

static void say_all_again(void)
{
	for (unsigned int i = 0; i < kept; i++) {
		char *p = lines[i].payload, *last = p;

		while (*last)
			last++;
		if (mode.name == TWO_STORIES && starts(p, "fact "))
			last[-1] ^= 1;			/* 0 <-> 1, d <-> e */
		frame(nonce, lines[i].seq, 0, p, 0);
	}
}

static void beat(void)				/* said once */
{
	char payload[64];

	print(payload, sizeof(payload), "beat n=%u ms=%u", beats++, now_ms());
	first_time(said++, payload);
}

static void wait_with_beats(unsigned int seconds)
{
	while (seconds--) {
		sleep_ms(1000);
		beat();
	}
}

static void say_hits(const char *name, enum outcome outcome)
{
	static const struct { unsigned int min, max, stuck, once; } table[] = {
		[OK] = { 1, 1, 0, TRIGGERS }, [STUCK] = { LIMIT, LIMIT, TRIGGERS, 0 },
		[DUP] = { 2, 2, 0, 0 }, [FLAKY] = { 1, LIMIT, 7, TRIGGERS - 7 }, [LOST] = { 0, 1, 0, 1 },
	};
	int sigtrap = contains(name, "sigtrap");

	say("fact scenario=%s open=0", name);
	say("fact scenario=%s triggers=%u limit=%u hits_min=%u hits_max=%u stuck=%u once=%u "
	    "wrong_pc=0 moved=0 undone=0", name, TRIGGERS, LIMIT, table[outcome].min,
	    table[outcome].max, table[outcome].stuck, table[outcome].once);
	say("fact scenario=%s signo=%s pc=site+0 ss=1", name, sigtrap ? "5 code=6" : "10 code=1");
	if (sigtrap)
		say("fact scenario=%s addr=1 type=5 data=1234 flags=0", name);
	if (contains(name, "watch"))
		say("fact scenario=%s value=old", name);
}

static void say_facts(const char *name, const char *facts)
{
	while (*facts) {
		char line[300], *end = line;

		while (*facts && *facts != ';' && end < line + sizeof(line) - 1)
			*end++ = *facts++;
		*end = '\0';
		facts += *facts == ';';
		say("fact scenario=%s %s", name, line);
	}
}

static void mishap(const char *name)
{
	if (!mode.where || !same(name, mode.where))
		return;
	if (mode.name == SILENT_DURING)
		hang();
	if (mode.name == PANIC_DURING)
		panic("the mini kernel was told to");
	for (; mode.name == BEATS_FOREVER; beat())
		burn_ms(1000);
	for (; mode.name == TALKS_FOREVER; burn_ms((unsigned int)mode.number))
		printk("mini: still here");
	for (unsigned int n = 0; mode.name == SETS_CLOCK; n++) {
		burn_ms(1000);
		if (n == 1)
			set_clock((int)mode.number);
		beat();
	}
	if (mode.name == RESET_DURING)
		leave(PSCI_RESET);
	if (mode.name == OOPS_DURING)
		oops();
}

static void run(const char *name, enum outcome outcome, const char *facts)
{
	const char *how = "ok";

#ifndef CONFIG_PERF_EVENTS
	if (!starts(name, "step-") && !same(name, "canary"))
		outcome = UNSUP;
#endif
	say("start scenario=%s ms=%u", name, now_ms());
	mishap(name);
	if (outcome == KILLED) {
		how = "signal:5";
	} else if (outcome == HUNG) {
		wait_with_beats(DEADLINE_SECONDS);
		how = "deadline";
	} else if (outcome == UNKILLABLE || outcome == DEAD) {
		wait_with_beats(DEADLINE_SECONDS + GRACE_SECONDS);
		say("task scenario=%s state=R wchan=0 syscall=running", name);
		how = "unkillable";
	} else if (outcome == UNSUP) {
#ifdef CONFIG_PERF_EVENTS
		say("fact scenario=%s open=7", name);	/* E2BIG: before v5.13 */
#else
		say("fact scenario=%s open=38", name);	/* ENOSYS */
#endif
	} else if (!facts) {
		say_hits(name, outcome);
	} else {
		say_facts(name, facts);
	}
	say("done scenario=%s exit=%s ms=%u", name, how, now_ms());
}

static void say_begin(unsigned int cpus)
{
	extern const unsigned char __start_notes[], __stop_notes[];
	char hex[48] = "none";

#ifdef CONFIG_SYSFS	/* The note: three words, the name "GNU\0", 20 bytes of SHA-1. */
	for (unsigned int i = 0; __start_notes + 16 + i < __stop_notes && i < 20; i++)
		print(hex + 2 * i, 3, "%02x", __start_notes[16 + i] ^ (mode.name == WRONG_BUILD_ID));
#endif
	say("begin version=1 release=%s build_id=%s cpus=%u scenarios=%u", UTS_RELEASE, hex, cpus,
	    (unsigned int)LENGTH(scenarios) + 1);	/* and the canary */
}

static void run_all(void)
{
	for (unsigned int i = 0; i < LENGTH(scenarios); i++) {
		const struct scenario *s = &scenarios[i];
		enum outcome outcome = s->outcome;

		if ((int)(crc32(nonce) % 100) < FLAKE_PERCENT && same(s->name, FLAKE_SCENARIO))
			outcome = FLAKE_OUTCOME;
		if (outcome == MISSING)
			continue;
		run(s->name, outcome, s->facts);
		if (outcome == UNKILLABLE)
			run("canary", OK, "");
		if (outcome == DEAD) {
			run("canary", UNKILLABLE, "");
			return;			/* as the probe does: the rest would only wait */
		}
	}
	run("canary", OK, "");
}

void probe(const char *boots_nonce, unsigned int cpus)
{
	nonce = boots_nonce;
	say_begin(cpus);
	for (unsigned int n = 0; mode.name == ENDLESS_AFTER; n++)
		printk("mini: endless output, line %u", n);
	run_all();
	say_all_again();
	if (mode.name != NO_END) {
		char payload[64];

		print(payload, sizeof(payload), "end lines=%u ms=%u", said, now_ms());
		first_time(said, payload);
		frame(nonce, said, 0, payload, 0);
	}
	if (mode.name == NO_POWER_OFF)
		hang();
	if (mode.name == PANIC_AT_THE_END)
		panic("the mini kernel was told to");
	if (mode.name == RESET_AT_THE_END)
		leave(PSCI_RESET);
	printk("reboot: Power down");
	leave(PSCI_OFF);
}
