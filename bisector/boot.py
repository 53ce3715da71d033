"""What does this kernel say when it is booted? Kernel -> Transcript: the QEMU command line, the limits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bisector.arches import Architecture
from bisector.errors import HostError
from bisector.host import console
from bisector.model import Ending, Kernel, Limits, Transcript

_PANIC = re.compile(r"Kernel panic - not syncing")
# QEMU's last word when somebody sends it a signal; it then exits with 0, as after a power-off.
_ENDED_BY_US = re.compile(r"qemu-system-\S+: terminating on signal \d+")
_ENDINGS = {
    console.Stop.CLOSED: Ending.POWERED_OFF,
    console.Stop.NO_MARK: Ending.OVERDUE,
    console.Stop.SILENCE: Ending.SILENT,
    console.Stop.TOTAL: Ending.OVERDUE,
    console.Stop.OUTPUT: Ending.FLOODED,
}


@dataclass(frozen=True, slots=True)
class Machine:
    """The virtual machine, the same for every boot of a session.

    `accel`: `tcg` or `kvm`. Under tcg the guest's clock counts instructions (2^shift ns each), so what the
    guest measures does not depend on the host's load; KVM has no such clock.
    """

    architecture: Architecture
    accel: str = "tcg"
    cpu: str = ""
    cpus: int = 2
    memory_mib: int = 256

    def argv(self, image: str, initramfs: str) -> list[str]:
        """Return QEMU's argv: no network, no host files but these two, no monitor, one serial line."""
        if self.accel == "kvm":
            accel = ["-accel", "kvm"]
            cpu = self.cpu or "host"
        else:
            # One thread runs both CPUs in turn: with an instruction-counted clock QEMU wants it so.
            accel = ["-accel", "tcg", "-icount", "shift=4,sleep=off"]
            cpu = self.cpu or self.architecture.cpu
        return [
            self.architecture.qemu, "-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none",
            "-machine", self.architecture.machine, "-cpu", cpu, *accel,
            "-smp", str(self.cpus), "-m", str(self.memory_mib),
            "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
            "-no-reboot",
            "-kernel", image, "-initrd", initramfs,
            "-append", f"{self.architecture.console} panic=-1",
        ]  # fmt: skip


def boot(machine: Machine, kernel: Kernel, *, initramfs: Path, nonce: str, limits: Limits, log: Path) -> Transcript:
    """Boot the kernel once, with `log` as the record of every byte. Raises HostError if QEMU fails."""
    heard = console.listen(machine.argv(kernel.image, str(initramfs)), log=log, limits=limits, mark=f"@bsct {nonce} ")
    said = (heard.text.strip().splitlines() or ["no word"])[-1]
    if heard.code not in (0, None) or (heard.code == 0 and _ENDED_BY_US.match(said)):
        # No kernel does that: power-off and -no-reboot's reset both end QEMU with 0 and without this word.
        raise HostError(
            f"{machine.architecture.qemu} ended with exit code {heard.code}: {said[:200]}",
            f"see {log}",
            transient=True,
        )
    ending = _ENDINGS[heard.stop]
    if heard.stop is console.Stop.NO_MARK and not heard.text.strip():
        ending = Ending.SILENT
    if ending in (Ending.POWERED_OFF, Ending.SILENT) and _PANIC.search(heard.text):
        ending = Ending.PANICKED
    return Transcript(heard.text, ending, heard.seconds, heard.marked, nonce)
