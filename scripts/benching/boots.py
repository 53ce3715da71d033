"""What does a boot's time go to? Bare QEMU as we start it, and with one thing changed at a time, in turns."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benching.linux import linux
from benching.pairs import spread
from bisector import api, boot, opening, probe
from bisector.model import Ending, Kernel, Observation, Transcript

ROUNDS = 9


@dataclass(frozen=True)
class Booted:
    """Seconds of this machine, those of its processors, and what the boot showed."""

    seconds: float
    spent: float
    shown: Observation


@contextmanager
def kernel() -> Iterator[tuple[boot.Machine, Kernel, Path]]:
    """Yield our machine, a kernel of Linux 6.12 as the demo's old end, and an initramfs of the probe."""
    with linux() as source:
        [step] = api.test(source.chosen, [source.history.old], state=source.place, warn=print)
        assert step.kernel is not None
        yield opening.machine(source.chosen), step.kernel, next(source.place.glob("tests/*/probe.cpio"))


def once(argv: list[str]) -> Booted:
    """Run QEMU with its console in a file, and read that."""
    with tempfile.TemporaryFile() as console:
        began = time.monotonic()
        running = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=console)
        _, code, used = os.wait4(running.pid, 0)
        seconds = time.monotonic() - began
        running.returncode = code
        console.seek(0)
        said = console.read().decode(errors="backslashreplace")
    heard = Transcript(said, Ending.POWERED_OFF, seconds, None, opening.BY_HAND)
    return Booted(seconds, used.ru_utime + used.ru_stime, probe.read(heard))


def changed(*words: str) -> Callable[[list[str]], list[str]]:
    """Return what puts a value in place of each option's: OPTION VALUE OPTION VALUE …"""

    def change(argv: list[str]) -> list[str]:
        made = list(argv)
        for option, value in zip(words[::2], words[1::2], strict=True):
            made[made.index(option) + 1] = value
        return made

    return change


def told(*words: str) -> Callable[[list[str]], list[str]]:
    """Return what adds words to the kernel's command line."""

    def change(argv: list[str]) -> list[str]:
        at = argv.index("-append") + 1
        return [*argv[:at], " ".join([argv[at], *words]), *argv[at + 1 :]]

    return change


def without(*options: str) -> Callable[[list[str]], list[str]]:
    """Return what takes options and their values away."""

    def change(argv: list[str]) -> list[str]:
        made = list(argv)
        for option in options:
            at = made.index(option)
            del made[at : at + 2]
        return made

    return change


CHANGES: dict[str, Callable[[list[str]], list[str]]] = {
    "one CPU, not two": changed("-smp", "1"),
    "128 MiB, not 256": changed("-m", "128"),
    "512 MiB, not 256": changed("-m", "512"),
    "Cortex-A53, not A57": changed("-cpu", "cortex-a53"),
    "Cortex-A72, not A57": changed("-cpu", "cortex-a72"),
    "QEMU's `max` CPU": changed("-cpu", "max,pauth=off"),
    "GICv3": changed("-machine", "virt,gic-version=3"),
    "32 MiB of translated code, not 128": changed("-accel", "tcg,tb-size=32"),
    "no counted clock (`-icount`)": without("-icount"),
    "a clock that runs four times as fast": changed("-icount", "shift=7,sleep=off"),
    "`quiet`": told("quiet"),
    "`nokaslr`": told("nokaslr"),
    "no mitigations": told("mitigations=off"),
    "the loops of a second not counted (`lpj=`)": told("lpj=125000"),
}


def rows() -> list[str]:
    """Return a row for our way, and one for each change of it."""
    with kernel() as (machine, made, archive):
        plain = machine.argv(made.image, str(archive))
        # What is started as it is counts twice: the difference is what chance alone makes.
        ways = {"as it is": plain, "as it is, once more": plain}
        ways |= {name: change(plain) for name, change in CHANGES.items()}
        seen: dict[str, list[Booted]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, argv in ways.items():
                seen[name].append(once(argv))
    first = seen["as it is"]
    return [_row(name, boots, first) for name, boots in seen.items()]


def _row(name: str, boots: list[Booted], first: list[Booted]) -> str:
    seconds, spent = (spread([getattr(one, what) for one in boots]) for what in ("seconds", "spent"))
    ratio = statistics.median(one.spent / other.spent for one, other in zip(boots, first, strict=True))
    same = all(_outcomes(one) == _outcomes(first[0]) for one in boots)
    what = "" if same else ": **other outcomes**"
    return f"| a boot, {name}{what} ({len(boots)} boots) | {seconds} s | CPU: {spent} s | CPU × {ratio:.2f} |"


def _outcomes(one: Booted) -> list[str]:
    return [f"{reading.scenario} {reading.outcome}" for reading in one.shown.readings]
