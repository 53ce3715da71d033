"""What is seen when our machine fails? Each fault is real and comes alone, in the middle of a session.

| fault | what is seen |
|---|---|
| disk full at checkout, build, copy of the image, initramfs, journal append, report | 20, resume when there is room |
| the state directory turns read-only | 20, resume when it can be written |
| fsync reports an error | 20, the event is not in the journal, resume |
| git, make, the compiler or QEMU goes missing | 20, `bisector doctor`, resume |
| a compiler is killed where Kconfig asks it, and an option is off; objcopy writes nothing | built again |
| a compiler is killed, or refused memory | built again from nothing; still so: 20, resume |
| QEMU dies in mid-boot | booted again; still so: 20, resume |
| QEMU answers nothing | 20, never a silent kernel |
| git is killed | tried again in a step; still so, or at the start: 20, resume |
| a stale `index.lock` in our worktree | removed, tried again |
| a stale lock in the person's repository | nothing: it is only read |
| the worktree or its `.git` vanishes between steps | 20, resume makes it anew |
| the objects vanish between steps | built from nothing |
| the worktree or the objects vanish while make runs | built again; never a broken build |
| the clock is set back an hour | the objects are thrown away, the sources are as old as now |
| the objects are another compiler's or linker's | the objects are thrown away |
| our machine lost power | worktree and objects are made anew |
| a kept kernel is cut short | built again, never booted |

Nothing of this is ever a verdict or a skip, and the session ends with the right commit.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests import leftovers
from tests.conftest import LONG, ONCE, Bisector, Json, Ran, dies
from tests.minitree import Edits, MiniTree

FLIP = 3
QEMU, GCC = "qemu-system-aarch64", "aarch64-linux-gnu-gcc"


@dataclass
class Fault:
    """A session in which something fails: what a wrapper does while the file `flag` exists."""

    tree: MiniTree
    bisector: Bisector
    place: Path
    ids: list[str] = field(default_factory=list)

    @property
    def flag(self) -> Path:
        return self.place / "fault"

    @property
    def worktree(self) -> str:
        """A shell word for the session's worktree."""
        return f"{self.bisector.state}/workspaces/*/0/tree"

    def wrap(self, program: str, before: str = "", *, after: str = "", instead: str = "") -> None:
        """Put shell lines before, after or in place of a program, for each call but those that ask what it is."""
        wrapper, real = self.place / "bin" / program, shutil.which(program)
        wrapper.parent.mkdir(exist_ok=True)
        broken = instead.replace("REAL", str(real)) or f'{before}\n{real} "$@"; code=$?\n{after}\nexit $code'
        wrapper.write_text(
            f'#!/bin/sh\ncase "$*" in *--version*|*-print-*|*-static*) exec {real} "$@";; esac\n'
            f'[ -e {self.flag} ] || exec {real} "$@"\n{broken}\n'
        )
        wrapper.chmod(0o755)
        self.bisector.env["PATH"] = f"{wrapper.parent}:{os.environ['PATH']}"

    def start(self, *words: str) -> Ran:
        self.flag.touch()
        # The wrappers look outside for their flag; what a sandbox adds is seen in test_sandbox.py.
        words = ("--no-ccache", "--sandbox", "off", *words)
        return self.bisector.start(self.tree.path, self.tree.base, self.ids[-1], *ONCE, *words)

    def mended(self, ran: Ran, why: str) -> None:
        """See that the failure was told as ours, mend it, and see the session come to the right commit."""
        self.told(ran, why)
        before = self.journal
        self.flag.unlink(missing_ok=True)
        done = self.bisector("resume", "--json")
        assert (done.code, done.culprit) == (0, self.ids[FLIP]), done.err
        assert self.journal[: len(before)] == before
        self.sound()

    def told(self, ran: Ran, why: str) -> None:
        assert ran.code == 20, (ran.code, ran.err)
        failure = ran.lines[-1]
        assert why in failure["message"], failure
        assert failure["hint"]
        assert "\n" not in failure["message"]
        assert not ran.untestable

    def sound(self) -> None:
        """See no verdict of the fault, no step twice and nothing left."""
        taken = [event["step"] for event in self.journal if event["event"] == "step"]
        assert all(step["verdict"] != "untestable" for step in taken)
        steps = leftovers.steps(self.journal)
        assert len(steps) == len(set(steps))
        leftovers.nothing_left(self.bisector, self.tree)

    @property
    def journal(self) -> list[Json]:
        """The events of the only session, but for a line that was torn."""
        [path] = self.bisector.state.glob("sessions/*/journal.jsonl")
        return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def fault(tree: MiniTree, bisector: Bisector, tmp_path: Path) -> Fault:
    leftovers.adopt_orphans()
    edits: dict[int, Edits] = {FLIP: {"hits": {"exec-sigtrap": "OK"}}}
    return Fault(tree, bisector, tmp_path, tree.story(5, FLIP, edits=edits))


# -- the disk ------------------------------------------------------------------------------------------


@dataclass
class Mounts:
    """A mount namespace of our own, in which bisector runs; no right is needed but that to make a user namespace."""

    holder: subprocess.Popen[bytes]

    @property
    def enter(self) -> tuple[str, ...]:
        return ("nsenter", "--target", str(self.holder.pid), "--user", "--mount", "--preserve-credentials", "--")

    def run(self, *argv: str) -> None:
        subprocess.run([*self.enter, *argv], check=True)

    def seen(self, path: Path) -> Path:
        """Return where a path of the namespace is seen from outside."""
        return Path(f"/proc/{self.holder.pid}/root{path}")


@pytest.fixture
def mounts(fault: Fault) -> Iterator[Mounts]:
    """The fault's bisector runs in it, with a tmpfs for its state directory: 32 MB, to be made smaller."""
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", "echo; exec sleep 600"]
    holder = subprocess.Popen(words, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"\n", "no user namespace: this test needs one"
    made = Mounts(holder)
    state = fault.bisector.state
    state.mkdir()
    made.run("mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(state))
    fault.bisector.command = (*made.enter, sys.executable, "-m", "bisector")
    yield made
    holder.kill()
    holder.communicate()


def full(fault: Fault, kilobytes: int) -> str:
    """Shell lines that leave so many KB free in the state directory, until the test makes room."""
    ballast = fault.bisector.state / "ballast"
    filled = f"dd if=/dev/zero of={ballast} bs=1k 2>/dev/null; truncate -s -{kilobytes}k {ballast}"
    return f"rm -f {fault.bisector.state}/sessions/*/initramfs-*.cpio\n[ -e {ballast} ] || {{ {filled}; }}"


def in_small_space(fault: Fault, mounts: Mounts, ran: Ran, why: str) -> None:
    """See the failure, make room, and see the right commit."""
    fault.told(ran, why)
    fault.flag.unlink()
    before = mounts.seen(fault.bisector.state)
    [path] = before.glob("sessions/*/journal.jsonl")
    lines = path.read_bytes()
    mounts.run("rm", "-f", str(fault.bisector.state / "ballast"))
    mounts.run("mount", "-o", "remount,size=64m", str(fault.bisector.state))
    done = fault.bisector("resume", "--json")
    assert (done.code, done.culprit) == (0, fault.ids[FLIP]), done.err
    assert path.read_bytes().startswith(lines)
    # Every line is whole, also the one that the full disk refused.
    steps = leftovers.steps([json.loads(line) for line in path.read_text().splitlines()])
    assert len(steps) == len(set(steps))
    assert not done.untestable
    outside = fault.bisector.state
    fault.bisector.state = before
    assert leftovers.files(fault.bisector, fault.tree) == []
    fault.bisector.state = outside


@pytest.mark.parametrize(
    ("kilobytes", "why"),
    [(40, "git failed: error: unable to write file"), pytest.param(190, "disk is full", marks=LONG)],
)
def test_a_full_disk_at_checkout_and_build(kilobytes: int, why: str, fault: Fault, mounts: Mounts) -> None:
    places = fault.bisector.state / "workspaces"
    mounts.run("mkdir", str(places))
    mounts.run("mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(places))
    ran = fault.start()
    mounts.run("mount", "-o", "remount,size=32m", str(places))
    in_small_space(fault, mounts, ran, why)


@pytest.mark.parametrize(
    ("program", "kilobytes", "why"),
    [
        ("make", 8, "No space left on device"),
        pytest.param("make", 200, "cannot write", marks=LONG),
        pytest.param(QEMU, 0, "journal.jsonl: No space left on device", marks=LONG),
        (QEMU, 8, "journal.jsonl: No space left on device"),
    ],
    ids=["image", "initramfs", "journal", "half of the journal's line"],
)
def test_a_full_disk_later_on(program: str, kilobytes: int, why: str, fault: Fault, mounts: Mounts) -> None:
    fault.wrap(program, after=full(fault, kilobytes))
    in_small_space(fault, mounts, fault.start(), why)


def test_a_full_disk_while_git_searches_is_told_as_that(fault: Fault, mounts: Mounts) -> None:
    searching = f'grep -q \'"event":"search"\' {fault.bisector.state}/sessions/*/journal.jsonl'
    # Its copy of the configuration is what we write ourselves, and without it there is no room for one.
    room = f"rm -f {fault.bisector.state}/workspaces/*/0/objects/tinyconfig.result"
    configured = f'case "$*" in *tinyconfig) if {searching}; then {room}\n{full(fault, 0)}\nfi;; esac'
    fault.wrap("make", after=configured)
    ran = fault.start()
    assert "trying again" not in ran.err
    assert "git bisect run" not in ran.lines[-1]["message"]
    in_small_space(fault, mounts, ran, "No space left on device")


def test_a_full_disk_at_the_report_comes_after_the_answer(fault: Fault, mounts: Mounts) -> None:
    # The last boot of all is that of the new end without the culprit's change.
    confirming = f"grep -q '\"parent\"' {fault.bisector.state}/sessions/*/journal.jsonl"
    fault.wrap(QEMU, after=f"if {confirming}; then {full(fault, 20)}\nfi")
    ran = fault.start()
    assert ran.culprit == fault.ids[FLIP]
    assert "Found and certified" in ran.err
    in_small_space(fault, mounts, ran, "cannot write")


def test_a_state_directory_that_turns_read_only(fault: Fault, mounts: Mounts) -> None:
    # The wrapper runs in the namespace too. A second mount: files that are open for writing forbid it on the first.
    state = fault.bisector.state
    fault.wrap(QEMU, after=f"mount --bind {state} {state} && mount -o remount,bind,ro {state}")
    ran = fault.start()
    mounts.run("umount", str(state))
    in_small_space(fault, mounts, ran, "Read-only file system")


def test_a_state_directory_that_was_never_writable(fault: Fault, mounts: Mounts) -> None:
    mounts.run("mount", "-o", "remount,ro", str(fault.bisector.state))
    ran = fault.start()
    fault.told(ran, "cannot write")
    assert "Read-only file system" in ran.lines[-1]["message"]


def at_the_journals_fsync(fault: Fault, armed: Path, action: str) -> None:
    """Let bisector do a line of C where it syncs its journal while a file exists."""
    source, library = fault.place / "fsync.c", fault.place / "fsync.so"
    source.write_text(
        """
        #include <errno.h>
        #include <signal.h>
        #include <stdio.h>
        #include <string.h>
        #include <sys/syscall.h>
        #include <unistd.h>
        int fsync(int fd)
        {
            char link[64], path[4096];
            snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
            ssize_t length = readlink(link, path, sizeof(path) - 1);
            path[length > 0 ? length : 0] = 0;
            if (access(FLAG, F_OK) == 0 && strstr(path, "journal.jsonl")) {
                ACTION
            }
            return syscall(SYS_fsync, fd);
        }
        """
    )
    words = ["-shared", "-fPIC", f'-DFLAG="{armed}"', f"-DACTION={action}"]
    subprocess.run(["gcc", *words, "-o", library, source], check=True)
    fault.bisector.env["LD_PRELOAD"] = str(library)


def test_a_signal_as_the_session_begins_leaves_one_that_is_gone_on_with(fault: Fault) -> None:
    armed = fault.place / "armed"
    at_the_journals_fsync(fault, armed, "unlink(FLAG); kill(getpid(), SIGTERM);")
    armed.touch()
    ran = fault.start()
    assert ran.code == 130
    [session] = fault.bisector.sessions
    assert ran.err.endswith(
        f"bisector resume --state {fault.bisector.state} {session.name} goes on where it stopped\n"
    )
    assert fault.bisector("resume").code == 0


def test_an_fsync_that_fails_leaves_the_event_out(fault: Fault) -> None:
    armed = fault.place / "armed"
    at_the_journals_fsync(fault, armed, "errno = EIO; return -1;")
    fault.wrap(QEMU, after=f"touch {armed}")
    ran = fault.start()
    armed.unlink()
    assert leftovers.steps(fault.journal) == []
    fault.mended(ran, "Input/output error")


# -- programs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["git", pytest.param("make", marks=LONG), GCC, pytest.param(QEMU, marks=LONG)])
def test_a_program_that_goes_missing(program: str, fault: Fault) -> None:
    programs = fault.place / "programs"
    programs.mkdir()
    for directory in ("/usr/local/bin", "/usr/bin", "/bin"):
        for found in Path(directory).iterdir():
            # Where packages of X11 are there its name is a link to its own directory, which leads nowhere from here.
            if not os.path.lexists(programs / found.name):
                (programs / found.name).symlink_to(found)
    gone = programs / program
    fault.wrap(QEMU, after=f"mv {gone} {gone}.gone 2>/dev/null")
    wrapper = fault.place / "bin" / QEMU
    if program == QEMU:
        # The wrapper itself is what goes.
        wrapper.write_text(
            wrapper.read_text().replace(f"mv {gone} {gone}.gone", f"rm {gone} && mv {wrapper} {gone}.gone")
        )
    fault.bisector.env["PATH"] = f"{wrapper.parent}:{programs}"
    ran = fault.start()
    Path(f"{gone}.gone").rename(wrapper if program == QEMU else gone)
    assert len(ran.steps) == 1
    fault.mended(ran, program)


def test_a_program_that_says_nothing_of_its_version(fault: Fault) -> None:
    make = fault.place / "bin" / "make"
    make.parent.mkdir()
    make.write_text("#!/bin/sh\n")
    make.chmod(0o755)
    fault.bisector.env["PATH"] = f"{make.parent}:{os.environ['PATH']}"
    fault.told(fault.start(), "make --version says nothing")


def test_a_compiler_that_is_killed_is_tried_again_from_nothing(fault: Fault) -> None:
    fault.wrap(GCC, instead=f"rm {fault.flag}; kill -9 $$")
    ran = fault.start()
    assert (ran.code, ran.culprit) == (0, fault.ids[FLIP]), ran.err
    assert ran.err.count("trying again") == 1, ran.err
    assert "the objects were thrown away: the last build was broken off" in ran.err
    fault.sound()


@pytest.mark.parametrize("instead", ["kill -9 $$", 'exec prlimit --as=40000000 REAL "$@"'], ids=["killed", "refused"])
def test_a_compiler_without_memory(instead: str, fault: Fault) -> None:
    fault.wrap(GCC, instead=instead)
    ran = fault.start()
    assert ran.err.count("trying again") == 2
    fault.mended(ran, "a compiler was killed or ran out of memory")


@pytest.mark.parametrize(
    ("program", "instead", "why"),
    [
        (
            "awk",
            # Kconfig's second call, which completes our options.
            'case "$*" in *.config) rm {0}; REAL "$@" | sed "s/^\\(CONFIG_PERF_EVENTS\\)=.*/# \\1 is not set/"'
            ';; *) exec REAL "$@";; esac',
            "make failed (CONFIG_PERF_EVENTS vanished",
        ),
        (
            "aarch64-linux-gnu-objcopy",
            "rm {0}; exit 0",
            "make failed (make succeeded, but there is no arch/arm64/boot",
        ),
    ],
    ids=["an option", "the image"],
)
def test_what_is_missing_once_only_is_not_the_commit_s_fault(
    program: str, instead: str, why: str, fault: Fault
) -> None:
    fault.wrap(program, instead=instead.format(fault.flag))
    ran = fault.start()
    assert (ran.code, ran.culprit) == (0, fault.ids[FLIP]), ran.err
    assert ran.err.count("trying again") == 1, ran.err
    assert why in ran.err
    fault.sound()


@pytest.fixture
def spinning(fault: Fault) -> Fault:
    """A session that comes by a kernel which boots and then spins: the one that is to end QEMU."""
    silent: Edits = {"mode": "SILENT_BEFORE"}
    flip: Edits = {"mode": "NORMAL", "hits": {"exec-sigtrap": "OK"}}
    first = fault.tree.commit("mini: on the way", parents=[fault.tree.base], branch="spinning", neutral="document")
    rest = fault.tree.story(4, FLIP - 1, branch="spinning", edits={FLIP - 2: silent, FLIP - 1: flip})
    return replace(fault, ids=[first, *rest])


def deadly(fault: Fault, number: str) -> str:
    """Return what a wrapper does: that kernel ends its QEMU each time, in the middle of its boot."""
    kernel = f"*kernels/{fault.ids[FLIP - 1][:12]}/*"
    return f'case "$*" in {kernel}) {dies("REAL", number)};; *) exec REAL "$@";; esac'


@pytest.mark.parametrize("number", ["KILL", pytest.param("TERM", marks=LONG), pytest.param("SEGV", marks=LONG)])
def test_a_qemu_that_dies_in_mid_boot(number: str, spinning: Fault) -> None:
    spinning.wrap(QEMU, instead=deadly(spinning, number))
    ran = spinning.start()
    assert ran.err.count("trying again") == 2
    spinning.told(ran, f"{QEMU} ended with exit code")
    before = spinning.journal
    spinning.flag.unlink()
    # Its neighbour is silent of itself, so there are two candidates.
    done = spinning.bisector("resume", "--json")
    assert (done.code, set(done.candidates)) == (10, set(spinning.ids[FLIP - 1 : FLIP + 1])), done.err
    assert spinning.journal[: len(before)] == before
    leftovers.nothing_left(spinning.bisector, spinning.tree)


def test_a_kernel_that_ends_qemu_is_gone_past_if_a_person_says_so(spinning: Fault) -> None:
    spinning.wrap(QEMU, instead=deadly(spinning, "TERM"))
    ran = spinning.start()
    spinning.told(ran, f"{QEMU} ended with exit code")
    assert "--on qemu-gone=untestable" in ran.lines[-1]["hint"]
    past = spinning.start("--on", "qemu-gone=untestable")
    assert (past.code, set(past.candidates)) == (10, set(spinning.ids[FLIP - 1 : FLIP + 1])), past.err
    assert "QEMU_GONE" in past.candidates[spinning.ids[FLIP - 1]]
    assert past.err.count("trying again") == 2


def test_a_qemu_that_answers_nothing(fault: Fault) -> None:
    fault.wrap(QEMU, instead="exec sleep 600")
    fault.mended(fault.start(), "monitor gave no answer")


# -- git -----------------------------------------------------------------------------------------------


def test_a_git_that_is_killed_at_the_start_says_nothing_of_the_repository(fault: Fault) -> None:
    fault.wrap("git", instead="kill -9 $$")
    fault.told(fault.start(), "was ended by signal 9")


def test_a_git_that_is_killed_at_checkout(fault: Fault) -> None:
    fault.wrap("git", "case $1 in checkout) kill -9 $$;; esac")
    ran = fault.start()
    assert ran.err.count("trying again") == 2, ran.err
    fault.mended(ran, "git checkout was ended by signal 9")


def test_a_lock_that_the_last_git_left_is_not_left_by_us(fault: Fault) -> None:
    fault.wrap("git", after=f'[ "$1" = clean ] && touch {fault.worktree}/.git/index.lock')
    ran = fault.start()
    assert (ran.code, ran.culprit) == (0, fault.ids[FLIP]), ran.err
    fault.sound()


def test_a_stale_lock_in_our_worktree_is_removed(fault: Fault) -> None:
    lock = f"$(git -C {fault.worktree} rev-parse --absolute-git-dir)/index.lock"
    fault.wrap(QEMU, after=f"touch {lock}; rm {fault.flag}")
    ran = fault.start()
    assert (ran.code, ran.culprit) == (0, fault.ids[FLIP]), ran.err
    assert ran.err.count("trying again") == 1, ran.err
    fault.sound()


def test_a_lock_in_the_person_s_repository_neither_stops_us_nor_goes(fault: Fault) -> None:
    locks = [fault.tree.path / ".git" / name for name in ("packed-refs.lock", "index.lock", "HEAD.lock")]
    for lock in locks:
        lock.touch()
    ran = fault.start()
    assert (ran.code, ran.culprit) == (0, fault.ids[FLIP]), ran.err
    assert all(lock.exists() for lock in locks)


@pytest.mark.parametrize(
    ("boot", "what"),
    [
        pytest.param(1, "", id="between steps-whole"),
        pytest.param(1, "/.git", id="between steps-.git", marks=LONG),
        pytest.param(3, "", id="while git bisect runs-whole", marks=LONG),
        pytest.param(3, "/.git", id="while git bisect runs-.git"),
    ],
)
def test_a_worktree_that_vanishes(what: str, boot: int, fault: Fault) -> None:
    calls = fault.place / "calls"
    fault.wrap(QEMU, after=f"echo >> {calls}; [ $(wc -l < {calls}) != {boot} ] || rm -rf {fault.worktree}{what}")
    fault.mended(fault.start(), "worktree")


def test_a_worktree_without_its_git_is_not_taken_for_the_repository_around_it(fault: Fault) -> None:
    # The state directory in a checkout of the person's: git, left without `.git`, would go up.
    around = MiniTree.create(fault.place / "around")
    (around.path / "precious").write_text("not committed\n")
    fault.bisector.state = around.path / "state"
    fault.wrap(QEMU, after=f"rm -rf {fault.worktree}/.git")
    ran = fault.start()
    fault.told(ran, "worktree")
    assert (around.path / "precious").read_text() == "not committed\n"
    assert around.git("rev-parse", "HEAD").strip() == around.base


@pytest.mark.parametrize("what", ["objects", pytest.param("tree", marks=LONG)])
def test_a_directory_that_vanishes_while_make_runs_breaks_no_build(what: str, fault: Fault) -> None:
    directory = f"{fault.bisector.state}/workspaces/*/0/{what}"
    if what == "tree":
        # Headers: with one job, both attempts of a build then fail alike, as they do on a broken commit.
        directory += "/include"
    fault.wrap(GCC, before=f"rm -rf {directory}; rm {fault.flag}")
    ran = fault.start("--jobs", "1")
    assert (ran.code, ran.culprit) == (0, fault.ids[FLIP]), ran.err
    assert ran.err.count("trying again") == 1, ran.err
    fault.sound()


# -- what make would trust -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "why"),
    [
        ("find {0}/objects {0}/tree -exec touch -d '1 hour' {{}} +", "they are newer than this machine's clock"),
        pytest.param("find {0}/tree -exec touch -d '1 hour' {{}} +", "", marks=LONG),
        ("echo other | tee {0}/objects/.bisector-made-by", "another compiler or linker made them"),
        pytest.param("rm -rf {0}/objects", "", marks=LONG),
    ],
    ids=["the clock set back", "the clock set back, and only sources left", "another compiler", "gone"],
)
def test_objects_that_make_must_not_trust(after: str, why: str, fault: Fault) -> None:
    fault.wrap(QEMU, after=after.format(f"{fault.bisector.state}/workspaces/*/0"))
    ran = fault.start()
    assert (ran.code, ran.culprit) == (0, fault.ids[FLIP]), ran.err
    assert f"the objects were thrown away: {why}" in ran.err or not why
    assert leftovers.steps(fault.journal)
    fault.sound()


def test_objects_of_another_compiler_are_not_linked_into_our_kernel(fault: Fault) -> None:
    first = fault.bisector("test", "--json", "--repo", fault.tree.path, "--llvm", "1", "--no-ccache", fault.tree.base)
    assert first.lines[-1]["steps"][0]["broken"] is None, first.err
    ran = fault.start()
    assert (ran.code, ran.culprit) == (0, fault.ids[FLIP]), ran.err
    assert "another compiler or linker made them" in ran.err


def test_what_a_power_cut_may_have_spoiled_is_made_anew(fault: Fault) -> None:
    running = fault.bisector.spawn(
        "start", "--repo", fault.tree.path, "--old", fault.tree.base, "--new", fault.ids[-1], *ONCE, "--no-ccache"
    )
    # Killed once the first kernel stands; then its traces on the disk are made those of a power cut.
    while not list(fault.bisector.state.glob("sessions/*/kernels/*/manifest.json")):
        assert running.poll() is None
    running.kill()
    running.communicate()
    [place] = fault.bisector.state.glob("workspaces/*/0")
    (place / "boot-id").write_text("00000000-0000-0000-0000-000000000000")
    for path in [*place.glob("objects/**/*.o"), place / "tree" / "init" / "main.c"]:
        stamp = path.stat()
        path.write_bytes(bytes(stamp.st_size))
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    done = fault.bisector("resume", "--json")
    assert (done.code, done.culprit) == (0, fault.ids[FLIP]), done.err
    fault.sound()


def test_a_kept_kernel_that_was_spoiled_is_built_again_and_not_booted(fault: Fault) -> None:
    spoil = (
        f"for f in {fault.bisector.state}/sessions/*/kernels/*/Image; do truncate -s 4096 $f; done; rm {fault.flag}"
    )
    fault.wrap(QEMU, after=spoil)
    ran = fault.start("--end-boots", "2")
    assert (ran.code, ran.culprit) == (0, fault.ids[FLIP]), ran.err
    assert f"the kernel that was kept of {fault.tree.base[:12]} is gone or spoiled" in ran.err
    assert not ran.untestable


def test_what_was_tested_before_our_machine_failed_is_printed(fault: Fault) -> None:
    calls = fault.place / "calls"
    fault.wrap(QEMU, before=f"echo >> {calls}; [ $(wc -l < {calls}) -lt 3 ] || exit 1")
    fault.flag.touch()
    words = ["--repo", str(fault.tree.path), "--no-ccache", *fault.ids[:3]]
    ran = fault.bisector("test", "--json", *words)
    fault.told(ran, f"{QEMU} did not start, exit code 1")
    assert [step["commit"]["id"] for step in ran.lines[0]["steps"]] == fault.ids[:2]
    calls.unlink()
    shown = fault.bisector("test", *words)
    assert shown.code == 20
    assert fault.ids[0] in shown.out
    assert fault.ids[2] not in shown.out
