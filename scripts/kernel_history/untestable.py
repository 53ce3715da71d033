"""Which edits of the demo leave commits that cannot be tested, and which end that?"""

from __future__ import annotations

import re

from kernel_history.edits import Change, above, after, replace
from kernel_history.names import BRANDT, HOLM, HW, SERIAL_KCONFIG, VARGA

STEPPING = "info->wps_disabled"
STEPPING_TYPO = "info->wps_suspended"
DOES_NOT_COMPILE = Change(
    "arm64: hw_breakpoint: add a helper that says whether a step is outstanding",
    "No functional change intended.",
    HOLM,
    (
        above(
            HW,
            "hw_breakpoint_thread_switch",
            f"""\
/* Is the task stepping over an instruction that hit one of its breakpoints? */
static inline bool hw_breakpoint_is_stepping(const struct debug_info *info)
{{
	return info->bps_disabled || {STEPPING_TYPO};
}}

""",
        ),
    ),
)
COMPILES_AGAIN = Change(
    "arm64: hw_breakpoint: fix the build of hw_breakpoint_is_stepping()",
    "The member is called wps_disabled.",
    HOLM,
    (replace(HW, re.escape(STEPPING_TYPO), STEPPING),),
)

CONSOLE_NEEDS_DMA = "\tdepends on DMADEVICES\n"
LOSES_THE_CONSOLE = Change(
    "serial: amba-pl011: the console needs the DMA engine",
    "The console shares the transmit path with DMA, so build it only where there is an engine.",
    BRANDT,
    (after(SERIAL_KCONFIG, r"^\tdepends on SERIAL_AMBA_PL011=y$", CONSOLE_NEEDS_DMA),),
)
HAS_THE_CONSOLE_AGAIN = Change(
    "serial: amba-pl011: drop the console's dependency on the DMA engine",
    "It writes by polling; machines without an engine lost their console for nothing.",
    VARGA,
    (replace(SERIAL_KCONFIG, rf"(?<=SERIAL_AMBA_PL011=y\n){CONSOLE_NEEDS_DMA}", ""),),
)
