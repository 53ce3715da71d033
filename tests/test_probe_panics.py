"""Is a panic's reason the same from boot to boot, and told where it happened?"""

from __future__ import annotations

import pytest

from bisector import probe
from bisector.model import Ending, Transcript
from tests.frames import Boot, sound_boot


def outcome(transcript: Transcript, scenario: str) -> str:
    return str(probe.read(transcript).reading(scenario).outcome)


PANIC = "[    2.345678] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b"


def test_a_panic_before_the_probe_is_the_boot_s_with_its_reason_and_line() -> None:
    boot = Boot()
    boot.kernel(PANIC)
    reading = probe.read(boot.transcript(Ending.PANICKED, heard=False)).reading("boot")
    assert str(reading.outcome) == "PANIC(Attempted to kill init! exitcode=0x0000000b)"
    assert reading.lines == (PANIC,)


def test_a_panic_during_a_scenario_is_the_scenario_s() -> None:
    boot = sound_boot()
    boot.say("start scenario=step-svc ms=300")
    boot.kernel(PANIC)
    seen = probe.read(boot.transcript(Ending.PANICKED))
    assert str(seen.reading("step-svc").outcome) == "PANIC(Attempted to kill init! exitcode=0x0000000b)"
    assert str(seen.reading("boot").outcome) == "OK"


def test_a_panic_between_scenarios_is_the_boot_s() -> None:
    boot = sound_boot()
    boot.kernel(PANIC)
    assert outcome(boot.transcript(Ending.PANICKED), "boot").startswith("PANIC(Attempted")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Fatal exception at ffff800010203040", "Fatal exception at ffff80001a2b3c4d"),
        ("CPU 1 lost after 12 ms", "CPU 0 lost after 7 ms"),
        ("bad pointer 0xdead (task 17)", "bad pointer 0xbeef (task 4321)"),
    ],
)
def test_numbers_do_not_set_two_panics_apart(one: str, other: str) -> None:
    seen: list[str] = []
    for reason in (one, other):
        boot = Boot()
        boot.kernel(f"[    1.{len(seen)}] Kernel panic - not syncing: {reason}")
        seen.append(outcome(boot.transcript(Ending.PANICKED, heard=False), "boot"))
    assert seen[0] == seen[1]
    assert "#" in seen[0]


def test_words_set_two_panics_apart() -> None:
    seen = set()
    for reason in ("Fatal exception", "No working init found."):
        boot = Boot()
        boot.kernel(f"Kernel panic - not syncing: {reason}")
        seen.add(outcome(boot.transcript(Ending.PANICKED, heard=False), "boot"))
    assert seen == {"PANIC(Fatal exception)", "PANIC(No working init found.)"}
