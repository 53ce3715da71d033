/* What this kernel does.  Included by init/probe.c only, so a change compiles one file.
 *
 * MODE, one of:
 *   NORMAL
 *   PANIC_EARLY              resets before it has said a byte, but for an early console's why
 *   PANIC_BOOT               says "Kernel panic", then resets
 *   PANIC_TALKING            says "Kernel panic", then a line each second, for ever
 *   OOPS_BOOT                prints an oops, then spins before the probe's `begin`
 *   FAULT_LOOP(address)      boots, then takes a fault with its vectors there
 *   SILENT_BOOT              spins before it has said a byte
 *   SILENT_BEFORE            boots, then spins before the probe's `begin`
 *   FALLS_SILENT(seconds)    boots, then prints a line a second for so long before `begin`, then spins
 *   ENDLESS_OUTPUT           boots, then prints for ever; no `begin`
 *   ENDLESS_AFTER            the same after `begin`
 *   SILENT_DURING("name")    spins after the scenario's `start`, without beats
 *   BEATS_FOREVER("name")    after `start` only beats, for ever
 *   PANIC_DURING("name")     panics after `start`
 *   OOPS_DURING("name")      prints an oops after `start`, goes on
 *   RESET_DURING("name")     resets after `start`, without a word
 *   TALKS_FOREVER("name", ms)      after `start` prints a line of its own each `ms`, for ever
 *   SETS_CLOCK("name", seconds)    the same with beats each second, and sets its clock chip by so much
 *   NO_END                   powers off without `end`
 *   NO_POWER_OFF             says `end`, then spins
 *   PANIC_AT_THE_END         says `end`, then "Kernel panic", and resets
 *   RESET_AT_THE_END         says `end`, then resets
 *   NOISE                    kernel messages inside each line's first copy
 *   FORGED                   frames with a wrong nonce or checksum before the true ones
 *   TWO_STORIES              second copies of the facts that differ from the first (true checksums)
 *   WRONG_BUILD_ID           says it is another kernel
 */
#define MODE NORMAL

/* In this many of 100 boots, chosen by the nonce, one scenario shows another outcome. */
#define FLAKE_PERCENT 0

#define FLAKE_SCENARIO "exec-sigtrap"

#define FLAKE_OUTCOME OK

/* Two switches for two branches; TOGETHER is OK when both are on, else STUCK. */
#define LEFT 0

/* (Kept apart, so that git merges them.) */
#define RIGHT 0

/* HITS(name, outcome): OK STUCK DUP FLAKY LOST UNSUP KILLED HUNG UNKILLABLE DEAD MISSING TOGETHER
 * (DEAD is UNKILLABLE with the probed CPU lost: the canary dies too, and nothing else is tried).
 * FACTS(name, outcome, text): OK says `text`, a line for each part between semicolons; UNSUP KILLED HUNG
 * UNKILLABLE DEAD MISSING as above.  The default is what the probe says of Linux 6.12.117, in its order. */
static const struct scenario scenarios[] = {
	FACTS("count-exec", OK, "open=0;calls=10 count=10"),
	FACTS("count-watch", OK, "open=0;calls=10 count=10"),
	HITS("exec-sigtrap", STUCK),
	HITS("watch-sigtrap", STUCK),
	HITS("exec-oasync", STUCK),
	HITS("watch-oasync", STUCK),
	FACTS("period2-exec-sigtrap", OK, "open=0;calls=10 period=2 count=19 entries=9"),
	FACTS("period2-exec-oasync", OK, "open=0;calls=10 period=2 count=19 entries=9"),
	FACTS("refresh1-exec-sigtrap", OK,
	      "open=0;calls=10 limit=50 entries=1 count=1;ss=1;again_refresh=1;again_toggle=50"),
	FACTS("refresh1-exec-oasync", OK,
	      "open=0;calls=10 limit=50 entries=1 count=1;ss=1;again_refresh=1;again_toggle=50"),
	HITS("disable-in-handler-sigtrap", OK),
	HITS("disable-in-handler-oasync", OK),
	HITS("skip-in-handler-sigtrap", OK),
	HITS("skip-in-handler-oasync", OK),
	HITS("longjmp-out-sigtrap", OK),
	HITS("longjmp-out-oasync", OK),
	FACTS("bp-in-handler-exec-sigtrap", OK, "open=0;entries=1 first=0 second=1"),
	FACTS("bp-in-handler-watch-sigtrap", OK, "open=0;entries=1 first=1 second=1"),
	FACTS("bp-in-handler-exec-oasync", OK, "open=0;entries=1 first=0 second=1"),
	FACTS("bp-in-handler-watch-oasync", OK, "open=0;entries=1 first=1 second=1"),
	FACTS("step-into-handler", OK, "stops=handler+0/5/5"),
	FACTS("step-into-handler-blocked", OK, "stops=handler+0/5/5 mask=kept;handler=kept"),
	FACTS("step-on-handler", OK,
	      "stops=handler+0/5/5,handler+4/5/2,handler+8/5/2,handler+12/5/2,handler+16/5/2,site+0/5/0,site+4/5/2,site+8/5/2"),
	FACTS("step-svc", OK, "stops=site+4/5/0,site+4/5/2,site+8/5/2"),
	FACTS("step-regset", OK, "stops=site+4/5/2,site+8/5/2,site+12/5/2"),
	FACTS("stop-then-step", OK, "open=0;stops=site+0/10/1,exit/0/0"),
	FACTS("stop-then-cont", OK, "open=0;stops=site+0/10/1,exit/0/0 triggers=5 hits=1"),
	FACTS("native-step", OK, "open=0;armed=site+0/5/4,site+0/5/4 disarmed=site+0/5/4,site+4/5/2"),
	FACTS("count-svc", OK, "open=0;calls=10 count=10 traps=10;code=0"),
};
