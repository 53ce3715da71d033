"""Who signs the commits, and which files does more than one of them touch?"""

HW = "arch/arm64/kernel/hw_breakpoint.c"
SIGNAL = "arch/arm64/kernel/signal.c"
PTRACE = "arch/arm64/kernel/ptrace.c"
PL011 = "drivers/tty/serial/amba-pl011.c"
SERIAL_KCONFIG = "drivers/tty/serial/Kconfig"

HOLM = "Mira Holm <mira.holm@example.org>"
ADEYEMI = "Tobi Adeyemi <tobi.adeyemi@example.org>"
VARGA = "Lena Varga <lena.varga@example.org>"
OKADA = "Jun Okada <jun.okada@example.org>"
BRANDT = "Elias Brandt <elias.brandt@example.org>"
