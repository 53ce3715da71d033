"""Which edits follow one another, and where among them is the culprit?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kernel_history import culprits, neutral, untestable
from kernel_history.edits import Change
from kernel_history.mended import MENDED


@dataclass(frozen=True, slots=True)
class Story:
    """Changes in order, one of them the culprit."""

    before: tuple[Change, ...]
    culprit: Change
    after: tuple[Change, ...]

    @property
    def changes(self) -> tuple[Change, ...]:
        return (*self.before, self.culprit, *self.after)


def short(culprit: Change) -> Story:
    """Make a story that CI can afford: seven commits, and no commit costs more than a few compilations."""
    return Story(
        (neutral.DOC_PERF, neutral.UPTIME, neutral.X86_RESTORE),
        culprit,
        (neutral.BCD, neutral.DOC_PTDUMP, neutral.IRQ_WORK),
    )


# Where the three places stand is chosen with `git bisect` in mind, which halves 30 commits at the 15th: that one has
# lost the console (as has 16; 17 mends it), so git skips about; 18 does not compile and stands next to the flip
# (20).  By itself git 2.39 goes 15, 2, 16, 20, 11, 13, 18, 17, 19: nine steps, three of them untestable. bisector
# tests suspected commits first, and goes 18, 13, 25, 20, 19.
DEMO = Story(
    (
        neutral.DOC_PERF,
        neutral.UPTIME,
        neutral.X86_RESTORE,
        neutral.IRQ_WORK,
        neutral.BCD,
        neutral.DUMMY,
        neutral.SLOT_CURSOR,
        neutral.SELFTEST,
        neutral.HEXDUMP,
        neutral.ARM_MODE,
        neutral.TASK_WORK,
        neutral.PSCI,
        neutral.ICMP,
        neutral.RANGE,
        untestable.LOSES_THE_CONSOLE,
        neutral.DOC_PTDUMP,
        untestable.HAS_THE_CONSOLE_AGAIN,
        untestable.DOES_NOT_COMPILE,
        untestable.COMPILES_AGAIN,
    ),
    MENDED,
    (
        neutral.PERF_TEST,
        neutral.OS_LOCK,
        neutral.LOADAVG,
        neutral.SOUND,
        neutral.PL011_CLOCK,
        neutral.SPIN,
        neutral.SAMPLE,
        neutral.STACK_VMA,
        neutral.CONSOLES,
        neutral.WEIGHT,
    ),
)

STORIES: Mapping[str, Story] = {
    "demo": DEMO,
    "mended": short(MENDED),
    "moved-pc": short(culprits.MOVED_PC),
    "si-code": short(culprits.SI_CODE),
    "unkillable": short(culprits.UNKILLABLE),
    "boot-panic": short(culprits.BOOT_PANIC),
    "boot-hangs": short(culprits.BOOT_HANGS),
    "no-build": short(culprits.NO_BUILD),
    "other-console": short(culprits.OTHER_CONSOLE),
    "silent": short(culprits.SILENT),
    "unsup": short(culprits.UNSUP),
}
