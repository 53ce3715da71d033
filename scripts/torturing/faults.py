"""Programs that die or fail at random, and a disk that fills: is the answer still right, or an honest refusal?"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from torturing import checks, processes
from torturing.campaign import Campaign, counted
from torturing.driver import Driver
from torturing.place import Place, lines
from torturing.session import (
    DONE,
    RUN_SECONDS,
    Calm,
    Hit,
    Record,
    Seen,
    after_run,
    at_end,
    journal_of,
    only_session,
    wait,
)

# Stands before a program in PATH and fails at its N-th calls. What it needs is in it: make gives no environment.
WRAPPER = """#!/bin/sh
case "$*" in *--version*) exec {real} "$@";; esac
printf x >>{count}
case " {turns} " in *" $(stat -c %s {count}) "*) echo "{program} $*" >>{count}.hits; {fault};; esac
exec {real} "$@"
"""


@dataclass(frozen=True)
class Fault:
    """A program that fails in this way, at `times` of its first `calls` calls."""

    program: str
    script: str
    calls: int
    times: int


# Only in our repositories: a lock in the user's is the user's, and not ours to break.
LOCK = 'git=$({real} rev-parse --absolute-git-dir); case "$git" in */workspaces/*) touch "$git/index.lock";; esac'
FAULTS = {
    "QEMU does not start": Fault("qemu-system-aarch64", "echo 'cannot allocate memory' >&2; exit 1", 10, 2),
    "QEMU is killed in mid-boot": Fault("qemu-system-aarch64", 'exec timeout -s KILL 0.15 {real} "$@"', 10, 3),
    "a compiler is killed": Fault("aarch64-linux-gnu-gcc", "kill -KILL $$", 25, 3),
    "make is killed": Fault("make", "kill -KILL $$", 20, 2),
    "git is killed": Fault("git", "kill -KILL $$", 60, 2),
    "git leaves index.lock": Fault("git", LOCK, 90, 4),
}  # fmt: skip
FULL_DISK = "the disk is full"


def wrap(place: Place, fault: Fault, random: Random) -> Callable[[], int]:
    """Put the failing program before the real one; return what tells how often it has failed."""
    home = place.root / "bin"
    home.mkdir()
    real = shutil.which(fault.program)
    assert real is not None, f"{fault.program} is not installed"
    count = place.root / "calls"
    turns = " ".join(map(str, sorted(random.sample(range(1, fault.calls + 1), fault.times))))
    script = fault.script.replace("{real}", real)
    words = {"real": real, "count": count, "turns": turns, "program": fault.program, "fault": script}
    wrapper = home / fault.program
    wrapper.write_text(WRAPPER.format(**words))
    wrapper.chmod(0o755)
    place.path.append(home)
    hits = count.with_name("calls.hits")
    return lambda: len(hits.read_text().splitlines()) if hits.exists() else 0


def run(campaign: Campaign, sessions: int, *, same_line: bool) -> None:
    """Run so many sessions with a fault in each; put the rows into the table."""
    kinds = [*FAULTS, *([FULL_DISK] if can_mount() else [])]
    number = 0
    for home, told, calm in campaign.stories():
        # The failing programs stand outside and count there: in a sandbox they would not be seen, and fail nothing.
        story = replace(told, words=(*told.words, "--sandbox", "off"))
        while number < sessions:
            kind = kinds[number % len(kinds)]
            number += 1
            random = campaign.random(number)
            record = Record(f"{number}, {kind}", Place.make(home / f"session-{number}", story))
            if kind == FULL_DISK:
                full_disk(record, calm, random)
            else:
                struck = wrap(record.place, FAULTS[kind], random)
                Driver(record, calm, random, same_line=same_line, faults=struck).drive([], lambda _: None)
                record.hits += [Hit(kind, "fault")] * struck()
            campaign.take(record)
            if number % len(kinds) == 0:
                break
        if number >= sessions:
            break
    hit = [hit.victim for record in campaign.records for hit in record.hits]
    campaign.rows += [
        ("faults", counted(hit)),
        ("sessions with faults that ended with the right answer", campaign.right()),
        ("verdicts and skips that came from a fault", str(campaign.failed("verdict", "wrong answer"))),
    ]
    if FULL_DISK not in kinds:
        campaign.rows.append((FULL_DISK, "not tried: unshare -rm cannot mount here"))


def can_mount() -> bool:
    """Tell whether a disk of our own can be mounted without root, in a namespace that nobody else sees."""
    argv = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs tmpfs /tmp"]
    return subprocess.run(argv, capture_output=True).returncode == 0


# $1: the state directory, $2: the disk's KiB, $3: KiB that are taken, $4: where to keep what was seen; $5 and $6: the
# lines of `start` and `resume`.
_ON_A_SMALL_DISK = """
state=$1 kept=$4; mount -t tmpfs -o "size=${2}k,mode=700" tmpfs "$state" || exit 99
head -c "${3}k" /dev/zero >"$state/ballast"
sh -c "$5"; echo "$?" >"$kept/first"
cp "$state"/sessions/*/journal.jsonl "$kept/journal" 2>/dev/null
rm "$state/ballast"
if [ -s "$kept/journal" ]; then sh -c "$6"; else rm -rf "$state"/sessions; sh -c "$5"; fi
echo "$?" >"$kept/second"
cp -a "$state" "$kept/state"
"""


def full_disk(record: Record, calm: Calm, random: Random) -> None:
    """Run a session on a disk that is full at some instant of it, make room, and resume it."""
    place, kept = record.place, record.place.root / "kept"
    kept.mkdir()
    place.state.mkdir()
    free, size = int(random.uniform(0.02, 1.0) * calm.kib), 4 * calm.kib
    lines_of_start_and_resume = [
        shlex.join(place.argv(words)) for words in (place.start_words(), place.resume_words())
    ]
    argv = ["unshare", "-rm", "sh", "-c", _ON_A_SMALL_DISK, "small-disk", str(place.state), str(size)]
    argv += [str(size - free), str(kept), *lines_of_start_and_resume]
    running = place.begin(argv)
    if not wait(running, 2 * RUN_SECONDS):
        record.failures.append(f"hangs in {running.phase()}:\n{processes.tree()}")
        processes.cut_power()
    running.process.wait()
    first, second = (int((kept / name).read_text()) for name in ("first", "second"))
    record.codes += [first, second]
    record.hits += [Hit(FULL_DISK, "fault")] * (first not in DONE)
    place.state.rmdir()
    (kept / "state").rename(place.state)
    if first not in (*DONE, 20) or second not in DONE:
        record.failures.append(f"exit codes {first} and {second}: {running.why()}")
    session = only_session(place)
    before = (kept / "journal").read_bytes() if (kept / "journal").exists() else b""
    record.failures += checks.lost(before, journal_of(session))
    record.failures += after_run(running, Seen.of(None), Seen.of(session), place.story)
    if session is not None and list(lines(journal_of(session))):
        record.failures += at_end(place, session, second, calm)
