"""Does the torture campaign see what it is there to see? Planted faults, one by one, and two real kills."""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest
import readme
from torturing import checks, driver, faults, history, load, moments, place, processes, session
from torturing.__main__ import CAMPAIGNS
from torturing.history import Answer, Story
from torturing.place import Json, Place, Run

from tests.minitree import Edits, MiniTree

ROOT = Path(__file__).parents[1]


@dataclass
class Ended:
    """An undisturbed session that has ended, and what was seen of it."""

    place: Place
    calm: session.Calm
    record: session.Record

    @property
    def session(self) -> Path:
        found = session.only_session(self.place)
        assert found is not None
        return found

    def wrong(self) -> list[str]:
        """Return what the checks at a session's end say now."""
        return session.at_end(self.place, self.session, self.record.codes[-1], self.calm)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    home = tmp_path_factory.mktemp("torture")
    story = history.write(home / "linux", Random(7), "plain")
    calm, record = session.undisturbed(home / "undisturbed", story)
    assert record.failures == []
    return Ended(record.place, calm, record)


@contextmanager
def changed(path: Path, change: Callable[[bytes], bytes]) -> Iterator[None]:
    """Change a file for a while; one that was not there is removed afterwards."""
    before = path.read_bytes() if path.exists() else None
    path.write_bytes(change(before or b""))
    try:
        yield
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_bytes(before)


def test_what_an_undisturbed_session_leaves_is_right_and_each_planted_wrong_is_seen(ended: Ended) -> None:
    assert ended.wrong() == []
    here, kernel = ended.place, next((ended.session / "kernels").iterdir())
    culprit = ended.calm.journal[-1]["conclusion"]["culprit"]["id"].encode()
    [gitdir] = here.state.glob("workspaces/*/*/tree/.git")

    def other_commit(text: bytes) -> bytes:
        *steps, conclusion = text.splitlines(keepends=True)
        return b"".join([*steps, conclusion.replace(culprit, b"0" * 40)])

    planted: list[tuple[Path, Callable[[bytes], bytes], str]] = [
        (here.root / "tmp" / "cc123456.s", lambda _: b"", "left behind: tmp/ccXXXXXX.s"),
        (
            ended.session / "initramfs-0123456789abcdef.cpio",
            lambda _: b"",
            "left behind: state/sessions/SESSION/initramfs-0123456789abcdef.cpio",
        ),
        (here.root / "cache" / "bisector" / "probe-0.1", lambda _: b"", "left behind: cache/bisector/probe-0.1"),
        (ended.session / "journal.jsonl", other_commit, "wrong answer: exit code 0 names ['000000000000']"),
        (ended.session / "journal.jsonl", lambda text: text.replace(b'"old"', b'"new"'), "wrong verdict: "),
        (kernel / "Image", lambda text: text[:-1], f"kept kernel {kernel.name} is not"),
        (here.repo / ".git" / "HEAD", lambda _: b"ref: refs/heads/main\n", "the repository was touched: .git/HEAD"),
        (here.repo / "Makefile", lambda text: text + b"\n", "the repository was touched: Makefile"),
        (here.repo / ".git" / "refs" / "heads" / "new", lambda _: culprit + b"\n", "the repository was touched"),
        (here.repo / ".git" / "packed-refs.lock", lambda _: b"", "a lock of git: "),
        (gitdir / "index.lock", lambda _: b"", "a lock of git: "),
        (gitdir / "BISECT_LOG", lambda _: b"", "a bisection is left: "),
    ]
    for path, change, expected in planted:
        with changed(path, change):
            assert [why for why in ended.wrong() if why.startswith(expected)], (path, ended.wrong())
    assert ended.wrong() == []


def test_a_lost_a_changed_and_a_repeated_observation_are_seen(ended: Ended) -> None:
    text = session.journal_of(ended.session)
    whole = text.splitlines(keepends=True)
    journal, story = ended.calm.journal, ended.place.story
    assert checks.lost(text, text + b'{"torn') == []
    assert checks.lost(text, b"".join(whole[:-1])) != []
    assert checks.lost(text, text.replace(b"STUCK", b"STACK", 1)) != []
    assert checks.unrecorded([*journal, {"event": "progress"}], journal) == []
    [lost] = checks.unrecorded(journal, [event for event in journal if event is not journal[1]])
    assert lost == "lost: the event step was told, and the journal has it not"
    assert checks.counted_twice(journal, story) == []
    [searched] = [event for event in journal if event.get("step", {}).get("purpose") == "search"][:1]
    [twice] = checks.counted_twice([*journal, searched], story)
    assert twice.endswith("has 2 observations as search")


def test_a_kernel_that_is_built_again_is_seen(ended: Ended) -> None:
    seen = session.Seen.of(ended.session)
    assert session.built_again(seen, seen) == []
    name = next(iter(seen.kernels))
    after = replace(seen, builds=seen.builds | {name: (0, 0)})
    assert session.built_again(seen, after) == [f"built again: {name}, whose kernel was kept whole"]
    assert session.built_again(replace(seen, kernels={}), after) == []


def test_a_story_with_another_answer_is_a_failure_of_the_session(ended: Ended) -> None:
    wrong = replace(ended.place.story, answer=Answer(0, frozenset({ended.place.story.new})))
    [why] = session.at_end(replace(ended.place, story=wrong), ended.session, 0, ended.calm)
    assert why.startswith("wrong answer: exit code 0 names")


def test_a_process_that_is_left_is_named() -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeping:
        try:
            found, seconds = processes.left(0.2)
            assert [(one.pid, one.kind) for one in found] == [(sleeping.pid, "shell or tool")]
            assert seconds > 0.2
            assert f"{sleeping.pid} sleep 60" in processes.tree()
        finally:
            sleeping.kill()
    assert processes.left(5)[0] == []


def test_a_power_cut_leaves_nothing_running() -> None:
    with subprocess.Popen(["sh", "-c", "sleep 60 & setsid sleep 60 & trap '' TERM; wait"]) as shell:
        while len(processes.below()) < 3:
            pass
        processes.cut_power()
        assert shell.wait() == -signal.SIGKILL
    with suppress(ChildProcessError):  # not our children where we adopt no orphans
        os.waitpid(-1, os.WNOHANG)
    assert processes.left(5)[0] == []


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("/venv/bin/python -m bisector start --json", "bisector"),
        ("/usr/bin/python3 -I -S /x/bisector/search/child.py 5", "git's child"),
        ("git bisect run sh -c child", "git"),
        ("/bin/sh /usr/lib/git-core/git-bisect run x", "git"),
        ("/usr/bin/python3 -I -S /x/bisector/host/keeper.py make -C /x", "keeper"),
        ("make -C /x O=/y", "make"),
        ("/usr/lib/gcc-cross/aarch64-linux-gnu/12/cc1 -quiet main.c", "compiler"),
        ("ccache aarch64-linux-gnu-gcc -c main.c", "compiler"),
        ("qemu-system-aarch64 -nodefaults", "QEMU"),
        ("awk -f scripts/kconfig.awk", "shell or tool"),
    ],
)
def test_processes_are_told_apart(words: str, kind: str) -> None:
    assert processes.Process(2, 1, False, "name", tuple(words.split(" "))).kind == kind


def progress(phase: str, purpose: str) -> Json:
    return {"event": "progress", "phase": phase, "commit": "c", "purpose": purpose}


def test_every_phase_has_its_name() -> None:
    said: list[Json] = [{"event": "started"}, progress("building", "old-end"), {"event": "search"}]
    said += [progress(phase, "search") for phase in ("checking out", "building", "booting")]
    said += [progress("building", "parent"), {"event": "conclusion"}]
    expected = ["start-up", "ends", "git bisect", "checkout", "build", "boot", "certification", "report"]
    assert [place.phase(said[: number + 1]) for number in range(len(said))] == expected
    assert set(expected) == set(place.PHASES)


def test_instants_are_drawn_from_every_phase_and_in_order() -> None:
    seconds = {"build": 10.0, "boot": 1.0, "report": 0.01}
    intervals = []
    at = 0.0
    for phase, spent in seconds.items():
        intervals.append(moments.Interval((phase,), phase, at, spent))
        at += spent
    drawn = moments.drawn(intervals, 600, Random(1))
    hit = {phase: [one.delay for one in drawn if one.key == (phase,)] for phase in seconds}
    assert all(len(delays) > 60 for delays in hit.values())
    assert all(0 <= delay <= seconds[phase] for phase, delays in hit.items() for delay in delays)
    assert max(hit["build"]) > 9
    assert [one.key for one in drawn] == sorted(
        (one.key for one in drawn), key=lambda key: list(seconds).index(key[0])
    )
    assert drawn == moments.drawn(intervals, 600, Random(1))


@pytest.mark.parametrize("kind", history.KINDS)
def test_a_history_and_its_answer_come_from_the_seed(kind: str, tmp_path: Path) -> None:
    one, other = (history.write(tmp_path / name, Random(5), kind) for name in ("one", "other"))
    assert replace(one, repo=other.repo) == other
    argv = ["git", "-C", str(one.repo), "rev-list", f"{one.old}..{one.new}"]
    between = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    assert one.answer.commits <= set(between)
    assert (len(one.answer.commits) == 1) == (one.answer.code == history.FOUND)


def test_a_wrapped_program_fails_at_its_turns_only(tmp_path: Path) -> None:
    story = Story("", tmp_path, "", "", Answer(0, frozenset()), (), 1, 1)
    here = Place.make(tmp_path / "place", story, repo=tmp_path)
    struck = faults.wrap(here, faults.Fault("true", "exit 3", calls=5, times=2), Random(1))
    codes = [subprocess.run(["true"], env=here.environment(), check=False).returncode for _ in range(8)]
    assert sorted(codes[:5]) == [0, 0, 0, 3, 3]
    assert codes[5:] == [0, 0, 0]
    assert struck() == 2


def test_a_reading_that_differs_is_told() -> None:
    kernel = load.Kernel.__new__(load.Kernel)
    kernel.name, kernel.idle, kernel.seen = "HUNG", ("boot: OK", "exec-sigtrap: HUNG"), Counter()
    kernel.seen[kernel.idle] = 4
    assert kernel.differing() == []
    kernel.seen["boot: OK", "exec-sigtrap: UNKILLABLE"] = 1
    [said] = kernel.differing()
    assert said == "HUNG: 1 of 5 boots under load read exec-sigtrap: UNKILLABLE instead of exec-sigtrap: HUNG"


def test_a_session_struck_twice_ends_right_and_its_hits_are_counted(ended: Ended, tmp_path: Path) -> None:
    here = Place.make(tmp_path / "struck", ended.place.story)
    here.take_probe(ended.place.root)
    wanted = ["boot", "git bisect"]
    keys = [next(one.key for one in ended.calm.intervals if one.phase == phase) for phase in wanted]
    order = sorted(keys, key=[one.key for one in ended.calm.intervals].index)

    def strike(run: Run) -> str:
        processes.strike([one for one in processes.below() if one.pid == run.process.pid], signal.SIGKILL)
        return "bisector"

    record = session.Record("struck", here)
    driving = driver.Driver(record, ended.calm, Random(1), same_line=False)
    driving.drive([moments.Moment(key, 0.0) for key in order], strike)
    assert record.failures == []
    assert record.codes == [-9, -9, ended.place.story.answer.code]
    assert [hit.victim for hit in record.hits] == ["bisector", "bisector"]
    record.close()
    assert not here.root.exists()


def torture(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the program as scripts/torture does, which also installs what it needs."""
    environ = os.environ | {"PYTHONPATH": f"{ROOT / 'scripts'}:{ROOT}"}
    argv = [sys.executable, "-m", "torturing", *words]
    return subprocess.run(argv, capture_output=True, text=True, env=environ, timeout=110, check=False)


def test_the_program_loads_a_host_and_prints_seed_and_table(tmp_path: Path) -> None:
    words = ("--only", "load", "--outcomes", "STUCK,PANIC_BOOT", "--repeats", "1", "--home", str(tmp_path / "home"))
    ran = torture("--seed", "4711", *words)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("seed 4711\n| campaign | what | figure |\n")
    assert re.search(r"\| load \| 2 outcomes .* \| 0 of 2 boots \|", ran.stdout)
    assert "| load | lost, left behind or wrong | 0 |" in ran.stdout


def test_the_program_says_what_it_does_not_know() -> None:
    ran = torture("--only", "kills,floods")
    assert ran.returncode == 2
    assert "not floods" in ran.stderr


def test_the_table_goes_where_the_readme_has_a_place_for_it() -> None:
    assert all(f"| {name} | run | `scripts/torture" in readme.written("torture") for name in CAMPAIGNS)


def test_outcomes_under_load_are_real_ones(tmp_path: Path) -> None:
    tree = MiniTree.create(tmp_path / "linux")
    edits: dict[str, Edits] = load.OUTCOMES
    commits = [tree.commit(name, branch=str(n), parents=[tree.base], **edits[name]) for n, name in enumerate(edits)]
    assert len(set(commits)) == len(commits)
    assert set(load.QUICK) <= edits.keys()
