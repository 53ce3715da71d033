"""What does this kernel say when it is booted? Kernel -> Transcript: the QEMU command line, the watch over it."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bisector import listen, place, transcripts
from bisector.arches import Architecture
from bisector.errors import HostError
from bisector.frames import printed
from bisector.host import console, monitor, process
from bisector.model import Ending, Kernel, Limits, Transcript
from bisector.watch import Watch

_PANIC = re.compile(r"Kernel panic - not syncing")
_BY_ITSELF = (Ending.POWERED_OFF, Ending.RESET)
# MiB of translated code, and of address space that QEMU may use beside the guest's memory.
CODE_MIB, BESIDE_MIB = 128, 2048
# 32 ns for an instruction: a guest second is 31 million of them, and costs the host little though a CPU spins.
SHIFT = 5
# For a boot that is to say why an other one said nothing.
EARLY = ("earlycon", "keep_bootcon", "ignore_loglevel")


@dataclass(frozen=True, slots=True)
class Machine:
    """The virtual machine, the same for every boot of a session.

    `accel`: `tcg` or `kvm`. Under tcg the guest's clock counts instructions (2^SHIFT ns each), so what the
    guest measures, and when it is given up, does not depend on the host's load; KVM has no such clock.
    """

    architecture: Architecture
    accel: str = "tcg"
    cpu: str = ""
    cpus: int = 2
    memory_mib: int = 256

    def argv(self, image: str, initramfs: str, *words: str) -> list[str]:
        """Return QEMU's argv: no network, no host files but these two, one serial line, no privileges to gain.

        `words` are added to the kernel's command line.
        """
        if self.accel == "kvm":
            accel = ["-accel", "kvm"]
            cpu = self.cpu or "host"
        else:
            # One thread runs both CPUs in turn: with an instruction-counted clock QEMU wants it so.
            accel = ["-accel", f"tcg,tb-size={CODE_MIB}", "-icount", f"shift={SHIFT},sleep=off"]
            cpu = self.cpu or self.architecture.cpu
        return [
            self.architecture.qemu, "-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none",
            "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
            "-machine", self.architecture.machine, "-cpu", cpu, *accel,
            "-smp", str(self.cpus), "-m", str(self.memory_mib),
            "-rtc", f"base={monitor.RTC_BASE},clock=vm",
            "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
            "-no-reboot",
            "-kernel", image, "-initrd", initramfs,
            "-append", " ".join([self.architecture.console, "panic=-1", *words]),
        ]  # fmt: skip

    def bounded(self, argv: list[str], descriptor: int) -> list[str]:
        """Return the argv with a monitor on that descriptor, under a bound of its memory.

        The guest waits until the monitor lets it go, and when it has ended, QEMU waits for us: so a QEMU that ends
        by itself is an accident, at any time.
        """
        bytes_in_all = (self.memory_mib + BESIDE_MIB) << 20
        monitored = ["-S", "-chardev", f"socket,id=monitor,fd={descriptor}", "-mon", "chardev=monitor,mode=control"]
        return ["prlimit", f"--as={bytes_in_all}", "--core=0", "--", *argv, "-no-shutdown", *monitored]


def boot(
    machine: Machine,
    kernel: Kernel,
    *,
    initramfs: Path,
    nonce: str,
    limits: Limits,
    log: Path,
    words: tuple[str, ...] = (),
) -> Transcript:
    """Boot the kernel once, with `log` as the record of every byte. Raises HostError if QEMU fails.

    `words` are added to the kernel's command line.
    """
    process.require(machine.architecture.qemu)
    ours, theirs = socket.socketpair()
    argv = machine.bounded(machine.argv(kernel.image, str(initramfs), *words), theirs.fileno())
    seen = listen.Seen(Watch(limits, nonce, monitor.GRAIN))
    with ours, theirs, console.opened(argv, log=log, descriptors=[theirs.fileno()]) as said:
        theirs.close()
        places = _watched(machine, kernel, said, ours, seen)
        if seen.ending is None:
            raise _accident(machine.architecture.qemu, said, log, seen, nonce)
        if seen.ending in _BY_ITSELF:
            said.ended()
    text, ending = seen.text, seen.ending
    if ending is Ending.FLOODED:
        # As much as any host reads of it: which scenario was running then does not hang on who reads faster.
        text = text[: limits.output]
    if ending in (*_BY_ITSELF, Ending.SILENT, Ending.OVERDUE) and _PANIC.search(text):
        ending = Ending.PANICKED
    whole = Transcript(text, ending, seen.seconds, seen.began, nonce, seen.watch.spans(), places)
    return transcripts.kept(whole, log, said.begins)


def explained(transcript: Transcript, again: Callable[[tuple[str, ...]], Transcript]) -> Transcript:
    """Boot a kernel that said nothing at all once more, with an early console, to know why. The outcome stays."""
    if printed(transcript.text):
        return transcript
    return transcripts.with_early(transcript, again(EARLY))


class Gone(HostError):
    """QEMU ended, its guest had not. `transcript`: what was said, for whoever takes that for the kernel's doing."""

    def __init__(self, message: str, hint: str, transcript: Transcript) -> None:
        super().__init__(message, hint, transient=True)
        self.transcript = transcript


def _accident(qemu: str, said: console.Console, log: Path, seen: listen.Seen, nonce: str) -> Gone:
    last = (said.text.strip().splitlines() or ["no word"])[-1]
    return Gone(
        f"{qemu} ended with exit code {said.ended()}: {last[:200]}",
        f"see {log}; if it is this kernel that ends it, --on qemu-gone=untestable goes past it",
        transcripts.kept(Transcript(seen.text, Ending.GONE, seen.seconds, seen.began, nonce), log, said.begins),
    )


def _watched(
    machine: Machine, kernel: Kernel, said: console.Console, line: socket.socket, seen: listen.Seen
) -> tuple[str, ...]:
    """Listen to the boot's end, or give it up; return where its CPUs were then. No ending: QEMU is gone."""
    try:
        qemu = monitor.Monitor(line, said)
    except monitor.Gone:
        raise _not_begun(machine, said, seen) from None
    with qemu:
        try:
            qemu.go_on()
            seen.ending = listen.listened(said, seen, qemu, machine.architecture.clock)
        except monitor.Gone:
            listen.run_out(said, seen.watch.limits.output)
        seen.seconds = time.monotonic() - seen.started
        # What a guest says while its CPUs are sampled is not judged: how much it is, the host's time decides.
        seen.text = said.text
        if seen.ending is None or seen.ending in _BY_ITSELF:
            return ()
        said.note(f"given up: {seen.ending.value}")
        return place.sampled(qemu, kernel)


def _not_begun(machine: Machine, said: console.Console, seen: listen.Seen) -> HostError:
    """QEMU ended before its guest began: what it said is the reason."""
    listen.run_out(said, seen.watch.limits.output)
    last = (said.text.strip().splitlines() or ["no word"])[-1]
    name = machine.architecture.qemu
    why = f"{name} did not start, exit code {said.ended()}: {last[:200]}"
    return HostError(why, "bisector doctor says what is missing; then resume", transient=True)
