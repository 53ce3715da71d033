"""What is refused, and how does a bisection end that has no commit to name?"""

import json
import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from tests.conftest import ONCE, SHORT, Bisector, Ran
from tests.minitree import Edits, MiniTree
from tests.test_session import until

ASKED = ("--scenario", "exec-sigtrap")


def built_anew(bisector: Bisector, ran: Ran, *commits: str) -> None:
    """See that each commit was tested once, and once more from nothing."""
    tested = [step["commit"]["id"] for step in ran.steps]
    assert sorted(tested) == sorted([*commits] * 2 if len(commits) > 1 else [*tested[:-2], *commits * 2])
    [session] = bisector.sessions
    for commit in commits:
        assert "/clean " in (session / "logs" / f"{commit[:12]}.build.log").read_text()


def test_ends_that_agree_end_with_11(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(3, 1, new="STUCK")
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert (ran.code, ran.conclusion["kind"], ran.culprit) == (11, "ends-agree", None)
    built_anew(bisector, ran, tree.base, ids[-1])
    asked = bisector.start(tree.path, tree.base, ids[-1], *ONCE, *ASKED)
    assert (asked.code, asked.conclusion["because"]) == (11, "exec-sigtrap is STUCK at both ends")


def test_a_new_end_that_does_not_show_it_ends_with_12(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(3, 1)
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE, *ASKED, "--new-outcome", "DUP(2)")
    assert (ran.code, ran.conclusion["kind"], ran.culprit) == (12, "new-end-does-not-show-it", None)
    built_anew(bisector, ran, tree.base, ids[-1])


def test_an_old_end_that_shows_it_already_ends_with_13(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(3, 1, new="STUCK")
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE, *ASKED, "--new-outcome", "STUCK")
    assert (ran.code, ran.conclusion["kind"], ran.culprit) == (13, "old-end-shows-it", None)


def test_a_third_behaviour_in_between_is_told_as_another_change(tree: MiniTree, bisector: Bisector) -> None:
    edits = {3: "DUP", 5: "OK"}
    ids = tree.story(8, 3, edits={at: {"hits": {"exec-sigtrap": word}} for at, word in edits.items()})
    ran = bisector.start(tree.path, tree.base, ids[-1], "--end-boots", "2")
    assert (ran.code, ran.culprit) == (0, ids[5]), ran.err
    because = ran.conclusion["because"]
    assert f"parent {ids[4][:12]}: DUP(2), " in because
    assert because.endswith(f"another change before it: {ids[3][:12]} is the first that was seen with DUP(2)")
    assert ran.conclusion["odds"]["culprit"] > 0.99
    assert {ids[3], ids[4]} <= ran.untestable.keys()


def test_every_change_of_a_range_is_found_where_it_goes_over_a_third_behaviour(
    tree: MiniTree, bisector: Bisector
) -> None:
    edits = {2: "DUP", 5: "LOST", 7: "OK"}
    ids = tree.story(10, 2, edits={at: {"hits": {"exec-sigtrap": word}} for at, word in edits.items()})
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE, "--every-change")
    assert ran.code == 0, ran.err
    [told] = [line["changes"] for line in ran.lines if line.get("command") == "changes"]
    assert [(one["commit"]["id"], one["before"]["word"], one["after"]["word"]) for one in told] == [
        (ids[7], "LOST", "OK"),
        (ids[5], "DUP", "LOST"),
        (ids[2], "STUCK", "DUP"),
    ]
    assert len({one["session"] for one in told}) == 3


def test_a_stop_between_the_changes_begins_none_of_them_again(tree: MiniTree, bisector: Bisector) -> None:
    edits = {2: "DUP", 5: "LOST", 7: "OK"}
    ids = tree.story(10, 2, edits={at: {"hits": {"exec-sigtrap": word}} for at, word in edits.items()})
    line = ("--repo", tree.path, "--old", tree.base, "--new", ids[-1], *ONCE, "--every-change")
    stopped = bisector.spawn("start", "--json", *line)
    assert stopped.stdout is not None
    begun = 0
    for said in stopped.stdout:
        event = json.loads(said)
        begun += event.get("event") == "started"
        if begun == 3 and event.get("event") == "step":
            stopped.kill()
            break
    stopped.communicate()
    names = [path.name for path in bisector.sessions]
    assert len(names) == 3
    boots = [sum(b'"step"' in one for one in (path / "journal.jsonl").open("rb")) for path in bisector.sessions]
    ran = bisector("start", "--json", *line)
    assert ran.code == 0, ran.err
    [told] = [one["changes"] for one in ran.lines if one.get("command") == "changes"]
    assert [one["commit"]["id"] for one in told] == [ids[7], ids[5], ids[2]]
    assert [path.name for path in bisector.sessions] == names
    after = [sum(b'"step"' in one for one in (path / "journal.jsonl").open("rb")) for path in bisector.sessions]
    assert after[:2] == boots[:2]
    assert after[2] > boots[2]
    assert not list(bisector.state.glob("sessions/*/followed"))
    # At its end, as any other: the same line begins anew.
    assert bisector("start", "--json", *line[:-1]).code == 0
    assert len(bisector.sessions) == 4


def test_a_search_of_every_change_that_was_resumed_goes_on_by_its_line(tree: MiniTree, bisector: Bisector) -> None:
    edits = {2: "DUP", 5: "LOST", 7: "OK"}
    ids = tree.story(10, 2, edits={at: {"hits": {"exec-sigtrap": word}} for at, word in edits.items()})
    line = ("--repo", tree.path, "--old", tree.base, "--new", ids[-1], *ONCE, "--every-change")
    stopped = bisector.spawn("start", "--json", *line)
    until(stopped, lambda event: event.get("event") == "step")
    stopped.send_signal(signal.SIGINT)
    _, err = stopped.communicate(timeout=60)
    assert "the same bisector start line again goes on" in err
    assert bisector("resume", "--json").culprit == ids[7]
    ran = bisector("start", "--json", *line)
    [told] = [one["changes"] for one in ran.lines if one.get("command") == "changes"]
    assert [one["commit"]["id"] for one in told] == [ids[7], ids[5], ids[2]]
    # The first search is not done twice.
    assert len(bisector.sessions) == 3


def test_every_change_goes_on_below_a_set(tree: MiniTree, bisector: Bisector) -> None:
    edits: dict[int, Edits] = {
        2: {"hits": {"exec-sigtrap": "DUP"}},
        5: {"breaks": "compile"},
        7: {"mends": True, "hits": {"exec-sigtrap": "OK"}},
    }
    ids = tree.story(10, 2, edits=edits)
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE, "--every-change")
    assert ran.code == 10, ran.err
    [[among, single]] = [line["changes"] for line in ran.lines if line.get("command") == "changes"]
    assert (among["commit"]["id"], among["after"]["word"]) == (ids[7], "OK")
    assert [one["id"] for one in among["others"]] == [ids[6], ids[5]]
    assert among["before"]["word"] == "DUP"
    assert (single["commit"]["id"], single["before"]["word"], single["after"]["word"]) == (ids[2], "STUCK", "DUP")
    assert single["others"] == []


def test_a_scenario_can_be_chosen_where_several_differ(tree: MiniTree, bisector: Bisector) -> None:
    edits = {1: {"exec-sigtrap": "OK"}, 3: {"watch-oasync": "OK"}}
    ids = tree.story(5, 1, edits={at: {"hits": hits} for at, hits in edits.items()})
    first = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert (first.code, first.culprit) == (0, ids[1])
    [asked] = [line for line in first.lines if line.get("event") == "question"]
    assert asked["differing"] == ["exec-sigtrap", "watch-oasync"]
    chosen = bisector.start(tree.path, tree.base, ids[-1], *ONCE, "--scenario", "watch-oasync")
    assert (chosen.code, chosen.culprit) == (0, ids[3])


@pytest.mark.parametrize("end", ["old", "new"])
def test_an_end_that_makes_no_kernel_ends_with_2(end: str, tree: MiniTree, bisector: Bisector) -> None:
    broken = tree.commit("mini: broken", breaks="compile")
    last = tree.commit("mini: mended", mends=True, hits={"exec-sigtrap": "OK"})
    ends = (broken, last) if end == "old" else (tree.base, broken)
    ran = bisector.start(tree.path, *ends, *ONCE)
    assert (ran.code, ran.conclusion["kind"], ran.culprit) == (2, "ends-unfit", None)
    assert f"the {end} end makes no kernel" in ran.conclusion["because"]
    built_anew(bisector, ran, broken)


def other_linker(place: Path) -> Path:
    """Make a directory with a linker that is another version's."""
    programs = place / "programs"
    programs.mkdir()
    linker = programs / "aarch64-linux-gnu-ld"
    found = shutil.which(linker.name)
    linker.write_text(f'#!/bin/sh\n[ "$1" != --version ] || {{ echo "GNU ld 99"; exit; }}\nexec {found} "$@"\n')
    linker.chmod(0o755)
    return programs


def test_an_upgrade_of_the_linker_is_told_as_what_it_is(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(6, flip_at=3)
    first = bisector.spawn("start", "--json", "--repo", tree.path, "--old", tree.base, "--new", ids[-1], *ONCE)
    until(first, lambda line: line.get("event") == "search")
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=60)
    path = bisector.env["PATH"]
    bisector.env["PATH"] = f"{other_linker(tree.path.parent)}:{path}"
    ran = bisector("resume", "--json")
    assert (ran.code, "the linker is now GNU ld 99, the session began with GNU ld" in ran.err) == (2, True)
    # Objects of the one are none for the other.
    other = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert "the objects were thrown away: another compiler or linker made them" in other.err
    assert other.culprit == ids[3]
    bisector.env["PATH"] = path
    assert bisector("resume", bisector.sessions[0].name, "--json").culprit == ids[3]


def spoiling(tree: MiniTree) -> list[str]:
    """Return two ends: what the first leaves among the objects breaks the second's build."""
    makefile = tree.files(tree.base)["Makefile"]
    rule = "hostile: $(boot)/Image System.map\n\t{}\nImage: hostile\n"
    ends = []
    for recipe, word in (
        ("mkdir -p left", "STUCK"),
        ("test ! -d left || { echo 'error: left is there'; exit 1; }", "OK"),
    ):
        files = {"Makefile": makefile.replace("\nclean:", f"\n{rule.format(recipe)}clean:")}
        ends.append(tree.commit("mini: an end", files=files, hits={"exec-sigtrap": word}))
    return ends


def test_objects_that_an_end_spoils_for_the_other_do_not_make_an_answer(tree: MiniTree, bisector: Bisector) -> None:
    ends = spoiling(tree)
    ran = bisector.start(tree.path, *ends, *ONCE)
    assert (ran.code, ran.culprit if ran.code == 0 else None) == (20, None)
    why = "built from nothing is not the kernel that was built before"
    assert why in ran.err
    # That session has no answer any more, and costs nothing more; nor is it gone on with by another call.
    again = bisector("resume", "--json")
    assert (again.code, again.steps, why in again.err) == (20, [], True)
    assert "--new-session" in again.err
    # Whatever is installed since then is not why.
    bisector.env["PATH"] = f"{other_linker(tree.path.parent)}:{bisector.env['PATH']}"
    assert bisector("resume", "--json").err == again.err
    other = bisector.start(tree.path, *ends, *ONCE)
    assert (other.code, len(bisector.sessions)) == (20, 2)
    assert f"session {bisector.sessions[0].name} is left alone: " in other.err


def test_an_answer_without_a_commit_is_made_sure_of_once_also_when_it_is_resumed(
    tree: MiniTree, bisector: Bisector
) -> None:
    ids = tree.story(3, 1, new="STUCK")
    bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    path = bisector.sessions[0] / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    # Without the answer, and without the last boot too.
    for cut in (1, 2):
        path.write_bytes(b"".join(lines[:-cut]))
        assert bisector("resume").code == 11
        assert [line["event"] for line in bisector.journal].count("step") == 4


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("git~1", "invalid path 'git~1/config'"),
        (".git", "invalid path '.git/config'"),
        ("n" * 300, "file name too long"),
    ],
)
def test_a_commit_that_no_git_checks_out_is_untestable(
    name: str, why: str, tree: MiniTree, bisector: Bisector
) -> None:
    ids = tree.story(2, 1)
    blob = tree.git("hash-object", "-w", "--stdin", stdin=b"[core]\n").strip()
    inner = tree.git("mktree", stdin=f"100644 blob {blob}\tconfig\n".encode()).strip()
    entries = tree.git("ls-tree", ids[0]) + f"040000 tree {inner}\t{name}\n"
    made = tree.git("mktree", stdin=entries.encode()).strip()
    raw = re.sub(r"^tree \w+", f"tree {made}", tree.git("cat-file", "commit", ids[0]))
    odd = tree.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=raw.encode()).strip()
    ran = bisector("test", "--json", "--repo", tree.path, odd, ids[1])
    assert ran.code == 0, ran.err
    strange, sound = ran.lines[-1]["steps"]
    assert strange["because"] == f"git does not check it out: {why}"
    assert sound["because"] == "boot and probe complete"


def test_an_end_that_never_reaches_the_scenario_ends_with_2(tree: MiniTree, bisector: Bisector) -> None:
    silent = tree.commit("mini: silent", mode="SILENT_BOOT")
    ran = bisector.start(tree.path, tree.base, silent, *ONCE, *SHORT, *ASKED)
    assert (ran.code, ran.conclusion["kind"]) == (2, "ends-unfit")


def test_ends_that_differ_from_boot_to_boot_and_not_from_each_other_end_with_11(
    tree: MiniTree, bisector: Bisector
) -> None:
    flaky = tree.commit("mini: flaky", flake=(50, "exec-sigtrap", "OK"))
    # The same kernel twice may read otherwise by chance, which is looked at four times: at 0.99 too often for a test.
    sure = ("--end-boots", "10", "--confidence", "0.99999", "--new-session")
    new = tree.story(3, 9)[-1]
    for _ in range(3):
        ran = bisector.start(tree.path, flaky, new, *sure, *ASKED)
        assert ran.culprit is None
        assert "of 80 boots" in ran.conclusion["because"] or "of 81 boots" in ran.conclusion["because"]
        if (ran.code, ran.conclusion["kind"]) == (11, "ends-agree"):
            return
        # In one of thirty sessions the last boots happen to speak for a difference, weakly: no name, but not 11.
        assert (ran.code, ran.conclusion["kind"]) == (16, "below-confidence")
    raise AssertionError("three sessions did not see that the ends agree")


def refused(bisector: Bisector, repo: Path, old: str, new: str) -> str:
    """Start what must be refused before anything is built; return the one sentence."""
    ran = bisector.start(repo, old, new)
    assert ran.code == 2, ran.err
    [failure] = ran.lines
    assert failure["command"] == "error"
    assert failure["exit_code"] == 2
    assert failure["hint"]
    assert failure["message"] in ran.err
    assert not bisector.sessions
    return str(failure["message"])


def test_the_same_commit_twice_is_refused(tree: MiniTree, bisector: Bisector) -> None:
    assert "both ends are the commit" in refused(bisector, tree.path, tree.base, "main")


def test_swapped_ends_are_refused(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(2, 1)
    assert "is in the history of the old end" in refused(bisector, tree.path, ids[1], tree.base)


@pytest.mark.parametrize("revision", ["no-such-tag", "", "0" * 40, "main:Makefile", "main^{tree}", "a b\n"])
def test_what_is_no_commit_is_refused(revision: str, tree: MiniTree, bisector: Bisector) -> None:
    assert repr(revision) in refused(bisector, tree.path, tree.base, revision)


@pytest.mark.parametrize("revision", ["-n", "--all", "--output=/tmp/bisector-was-here"])
def test_a_revision_is_never_taken_for_an_option(revision: str, tree: MiniTree, bisector: Bisector) -> None:
    ran = bisector("start", "--json", "--repo", tree.path, f"--old={tree.base}", f"--new={revision}")
    assert ran.code == 2
    assert "is not a revision" in ran.lines[0]["message"]
    assert not Path("/tmp/bisector-was-here").exists()


def test_histories_without_a_common_commit_are_refused(tree: MiniTree, bisector: Bisector) -> None:
    other = tree.commit("mini: another root", parents=[], branch="other", files={"a": "a\n"})
    assert "no common ancestor" in refused(bisector, tree.path, tree.base, other)


def test_a_directory_that_is_no_repository_is_refused(tmp_path: Path, bisector: Bisector) -> None:
    (tmp_path / "plain").mkdir()
    assert "is not a git repository" in refused(bisector, tmp_path / "plain", "a", "b")
    assert "is not a git repository" in refused(bisector, tmp_path / "missing", "a", "b")


def test_a_repository_without_commits_is_refused(tmp_path: Path, tree: MiniTree, bisector: Bisector) -> None:
    tree.git("init", "-q", str(tmp_path / "empty"))
    assert "no commit 'HEAD'" in refused(bisector, tmp_path / "empty", "HEAD", "main")


def test_a_history_that_is_no_kernel_is_an_unfit_end(tree: MiniTree, bisector: Bisector) -> None:
    old = tree.commit("no kernel", parents=[], branch="other", files={"a": "a\n"})
    new = tree.commit("no kernel either", branch="other", files={"a": "b\n"})
    ran = bisector.start(tree.path, old, new)
    assert (ran.code, ran.conclusion["kind"]) == (2, "ends-unfit")


# -- what our machine fails to do, in whole sessions ---------------------------------------------------


def wrapper(tmp_path: Path, bisector: Bisector, program: str, script: str) -> None:
    """Put a script before a program of that name; REAL stands for the program."""
    place = tmp_path / "bin" / program
    place.parent.mkdir(exist_ok=True)
    real = shutil.which(program)
    assert real
    place.write_text("#!/bin/sh\n" + script.replace("REAL", real))
    place.chmod(0o755)
    bisector.env["PATH"] = f"{place.parent}:{os.environ['PATH']}"


def failed(bisector: Bisector, ran: Ran, why: str) -> None:
    """See that our machine's failure is told as such, and that nothing became a verdict of it."""
    assert ran.code == 20, ran.err
    assert ran.lines[-1]["exit_code"] == 20
    assert why in ran.lines[-1]["message"]
    assert ran.culprit is None
    assert not ran.untestable
    if bisector.sessions:
        assert bisector.journal[-1]["event"] == "stopped"
        assert not [line for line in bisector.journal if line["event"] == "conclusion"]


def test_a_qemu_that_does_not_start_is_tried_again_and_is_no_verdict(
    tree: MiniTree, bisector: Bisector, tmp_path: Path
) -> None:
    ids, flag = tree.story(4, 2), tmp_path / "broken"
    script = f'case "$*" in *--version*) ;; *) echo x >> {flag}; [ $(wc -l < {flag}) -lt 4 ] || exit 1;; esac\n'
    wrapper(tmp_path, bisector, "qemu-system-aarch64", script + 'exec REAL "$@"\n')
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    failed(bisector, ran, "qemu-system-aarch64 did not start, exit code 1")
    assert len(ran.steps) == 3
    assert ran.err.count("trying again") == 2
    wrapper(tmp_path, bisector, "qemu-system-aarch64", 'exec REAL "$@"\n')
    done = bisector("resume", "--json")
    assert (done.code, done.culprit) == (0, ids[2])
    steps = bisector("log", "--json").steps
    assert len(steps) == len({(step["commit"]["id"], step["purpose"]) for step in steps})


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("aarch64-linux-gnu-gcc: fatal error: Killed signal terminated program cc1", "ran out of memory"),
        ("/tmp/cc.s: fatal error: closing dependency file: No space left on device", "the disk is full"),
    ],
)
def test_a_compiler_that_our_machine_stopped_is_no_verdict(
    said: str, why: str, tree: MiniTree, bisector: Bisector, tmp_path: Path
) -> None:
    [new] = tree.story(1, 0)
    bisector("test", "--repo", tree.path, tree.base)  # so that the probe is compiled
    script = f'case "$*" in *--version*|*-static*) exec REAL "$@";; esac; echo "{said}" >&2; exit 1\n'
    wrapper(tmp_path, bisector, "aarch64-linux-gnu-gcc", script)
    failed(bisector, bisector.start(tree.path, tree.base, new, *ONCE, "--no-ccache"), why)


@pytest.mark.parametrize(
    "program", ["git", "make", "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-ld", "qemu-system-aarch64", "setpriv"]
)
def test_a_missing_program_is_no_verdict(program: str, tree: MiniTree, bisector: Bisector, tmp_path: Path) -> None:
    [new] = tree.story(1, 0)
    place = tmp_path / "bin"
    place.mkdir()
    for directory in ("/usr/local/bin", "/usr/bin", "/bin"):
        for found in Path(directory).iterdir():
            if found.name != program and not os.path.lexists(place / found.name):
                (place / found.name).symlink_to(found)
    bisector.env["PATH"] = str(place)
    ran = bisector.start(tree.path, tree.base, new, *ONCE, "--no-ccache")
    failed(bisector, ran, f"{program}")


def test_a_kernel_that_is_not_the_built_one_is_no_verdict(tree: MiniTree, bisector: Bisector) -> None:
    other = tree.commit("mini: says that it is another", mode="WRONG_BUILD_ID", hits={"exec-sigtrap": "OK"})
    failed(bisector, bisector.start(tree.path, tree.base, other, *ONCE), "the running kernel's build id is")


def test_a_state_directory_that_make_cannot_use_is_refused_by_name(
    tree: MiniTree, tmp_path: Path, bisector: Bisector
) -> None:
    # Linux's Makefile: "source directory cannot contain spaces or colons".
    bisector.state = tmp_path / "with spaces"
    ran = bisector.start(tree.path, tree.base, tree.story(1, 0)[0], *ONCE)
    assert ran.code == 2
    assert "spaces" in ran.lines[-1]["message"]
