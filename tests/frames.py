"""What does a probe's console look like?  Framed as guest/PROTOCOL.md says, in a few words of Python.

    boot = Boot()
    boot.begin()
    boot.scenario("exec-sigtrap", "open=0", STUCK_FACTS)
    transcript = boot.complete()

Every line is said when it happens, and once more before the end, as the real probe does it.
"""

from __future__ import annotations

import zlib

from bisector.model import Ending, Transcript

NONCE = "0123456789abcdef"
BUILD_ID = "aa" * 20
RELEASE = "6.12.0"
COUNTED = "calls=10 count=10"
LOOPING = "triggers=100 limit=1000 hits_min=1000 hits_max=1000 stuck=100 once=0 wrong_pc=0 moved=0 undone=0"
SIGNALLED = "signo=5 code=6 pc=site+0 ss=1 addr=1 type=5 data=1234 flags=0"


def frame(sequence: int, payload: str, nonce: str = NONCE) -> str:
    """Sign one line, without its line end."""
    check = zlib.crc32(f"{nonce} {sequence} {payload}".encode())
    return f"@bsct {nonce} {sequence} {check:08x} {payload}"


class Boot:
    """One boot's console, written line by line."""

    def __init__(self, nonce: str = NONCE) -> None:
        self.nonce = nonce
        self.console = ["[    0.000000] Booting Linux on physical CPU 0x0000000000\n"]
        self.signed: list[str] = []

    def kernel(self, text: str) -> None:
        """Let the kernel print a line."""
        self.console.append(f"{text}\n")

    def say(self, payload: str) -> str:
        """Let the probe say a line; return it as it was signed."""
        line = frame(len(self.signed), payload, self.nonce)
        self.signed.append(line)
        self.console.append(f"{line}\n")
        return line

    def begin(self, build_id: str = BUILD_ID) -> str:
        """Say the first line."""
        return self.say(f"begin version=1 release={RELEASE} build_id={build_id} cpus=2 scenarios=30")

    def scenario(self, name: str, *facts: str, how: str = "ok") -> None:
        """Run a scenario from `start` to `done`."""
        self.say(f"start scenario={name} ms=100")
        for fact in facts:
            self.say(f"fact scenario={name} {fact}")
        self.say(f"done scenario={name} exit={how} ms=200")

    def gates(self) -> None:
        """Run both gates, which count as they should."""
        self.scenario("count-exec", "open=0", COUNTED)
        self.scenario("count-watch", "open=0", COUNTED)

    def end(self, copies: int = 2) -> None:
        """Say everything once more, and `end` as often as asked."""
        self.console += [f"{line}\n" for line in self.signed]
        line = self.say(f"end lines={len(self.signed)} ms=3000")
        self.console[-1:] = [f"{line}\n"] * copies

    def transcript(self, ending: Ending, *, heard: bool = True) -> Transcript:
        """Return what the host has of this boot so far."""
        return Transcript("".join(self.console), ending, 3.0, 1.0 if heard else None, self.nonce)

    def complete(self) -> Transcript:
        """End the boot as a sound kernel does."""
        self.scenario("canary")
        self.end()
        return self.transcript(Ending.POWERED_OFF)


def sound_boot() -> Boot:
    """Return a boot as far as its gates and one looping scenario."""
    boot = Boot()
    boot.begin()
    boot.gates()
    boot.scenario("exec-sigtrap", "open=0", LOOPING, SIGNALLED)
    return boot
