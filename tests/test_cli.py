"""What does the command line say, what is left as it was, and is a kernel the same wherever it is built?"""

import json
import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from bisector.cli.printing import Printer
from bisector.errors import Interrupted
from bisector.events import SCHEMA
from bisector.scenarios import SCENARIOS
from bisector.verdict import NAMES
from tests.conftest import ONCE, Bisector, Json
from tests.minitree import MiniTree

COMMANDS = ("doctor", "test", "start", "resume", "status", "log", "list", "report")
# What a person may have set, and what must not matter.
SETTINGS = """
[color]\n\tui = always\n[core]\n\tquotePath = true\n\tpager = false\n\thooksPath = /no/such
[log]\n\tshowSignature = true\n\tdate = relative\n[format]\n\tpretty = raw
[diff]\n\tnoprefix = true\n\texternal = false\n[checkout]\n\tworkers = 4\n[status]\n\tshort = true
"""


# -- words ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, bisector: Bisector) -> None:
    ran = bisector(command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert f"bisector {command} [OPTIONS]" in ran.out
    assert "--json" in ran.out


@pytest.mark.parametrize(
    "words",
    [
        ("start", "--repo", "."),
        ("start", "--repo", ".", "--old", "a", "--new", "b", "--scenario", "no-such"),
        ("start", "--repo", ".", "--old", "a", "--new", "b", "--new-outcome", "OK"),
        ("start", "--repo", ".", "--old", "a", "--new", "b", "--scenario", "exec-sigtrap", "--new-outcome", "FINE"),
        ("start", "--repo", ".", "--old", "a", "--new", "b", "--silence-limit", "0"),
        ("start", "--repo", ".", "--old", "a", "--new", "b", "--jobs", "none"),
        ("start", "--repo", ".", "--old", "a", "--new", "b", "--arch", "vax"),
        ("start", "--repo", ".", "--old", "a", "--new", "b", "--fragment", "no-such"),
        ("test", "--repo", "."),
        ("status", "no-such-session"),
        ("report", "--format", "pdf"),
        ("list", "--no-such-option"),
        ("list", "--config", "no-such.toml"),
        ("no-such-command",),
    ],
)
def test_a_usage_error_is_one_sentence_and_a_hint_and_2(words: tuple[str, ...], bisector: Bisector) -> None:
    plain, ran = bisector(*words), bisector(*words, "--json")
    sentence, hint = plain.err.splitlines()
    assert (plain.code, plain.out) == (2, "")
    assert sentence.startswith("bisector: ")
    assert hint.startswith("  ")
    [failure] = ran.lines
    assert (ran.code, failure["command"], failure["exit_code"]) == (2, "error", 2)
    assert f"bisector: {failure['message']}\n  {failure['hint']}\n" == plain.err


def test_doctor_names_what_is_missing_and_the_command_that_mends_it(bisector: Bisector) -> None:
    whole = bisector("doctor", "--json")
    assert (whole.code, whole.lines[0]["remedy"]) == (0, "")
    assert "Nothing is missing." in bisector("doctor").out


def test_scenarios_says_what_each_is_and_what_its_outcomes_mean(bisector: Bisector) -> None:
    told = bisector("scenarios").out
    [listed] = bisector("scenarios", "--json").lines
    assert [one["name"] for one in listed["scenarios"]] == [one.name for one in SCENARIOS]
    assert listed["outcomes"] == dict(NAMES)
    for one in SCENARIOS:
        assert any(line.split()[:1] == [one.name] and one.about in line for line in told.splitlines()), one.name
    rows = dict(line.split(maxsplit=1) for line in told.splitlines() if len(line.split(maxsplit=1)) == 2)
    assert {name: rows.get(name) for name in NAMES} == dict(NAMES)


def test_doctor_works_on_a_machine_with_nothing_installed(bisector: Bisector, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    bisector.env["PATH"] = str(tmp_path / "bin")
    empty = bisector("doctor", "--json")
    assert empty.code == 2
    assert not any(check["found"] for check in empty.lines[0]["checks"])
    assert "apt-get install" in empty.lines[0]["remedy"]
    assert "MISSING" in bisector("doctor").out


def to_nobody(bisector: Bisector, *words: str | Path) -> tuple[int, str]:
    """Run a command whose standard output nobody reads; return its code and standard error."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer) as out:
        done = subprocess.run(
            bisector.argv(*words), env=bisector.env, cwd=bisector.cwd, stdout=out, stderr=subprocess.PIPE, check=False
        )
    return done.returncode, done.stderr.decode()


def test_a_closed_pipe_is_no_failure_of_a_command_that_reads(bisector: Bisector) -> None:
    assert to_nobody(bisector, "list", "--json") == (0, "")
    assert to_nobody(bisector, "doctor") == (0, "")


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_a_closed_pipe_changes_no_exit_code(form: tuple[str, ...], bisector: Bisector, tmp_path: Path) -> None:
    jobs = tmp_path / "jobs.toml"
    jobs.write_text('repo = "/nowhere"\n[[job]]\nold = "a"\nnew = "b"\n')
    assert to_nobody(bisector, "start", *form, "--from", str(jobs))[0] == 2
    assert to_nobody(bisector, "doctor", *form, "--cross-compile", "no-such-machine-")[0] == 2
    # Nor does it where nobody reads standard error.
    line = 'exec "$@" 2>&1 | true; exit "${PIPESTATUS[0]}"'
    words = bisector.argv("start", *form, "--from", jobs)
    done = subprocess.run(["bash", "-c", line, "bash", *words], env=bisector.env, cwd=bisector.cwd, check=False)
    assert done.returncode == 2


def test_a_bisection_whose_output_nobody_reads_is_not_found(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(3, 1)
    words = ("--repo", tree.path, "--old", tree.base, "--new", ids[-1], *ONCE)
    code, err = to_nobody(bisector, "start", "--json", *words)
    assert "Traceback" not in err
    assert code in (20, 130)
    assert bisector("status", "--json").lines[0]["state"] == "stopped"
    assert to_nobody(bisector, "log") == to_nobody(bisector, "log", "--json") == (0, "")
    assert bisector("resume", "--json").culprit == ids[1]


def test_a_line_that_nobody_reads_any_more_interrupts_whoever_says_it() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w")
    printer = Printer(as_json=False)
    printer.people = stream
    with pytest.raises(Interrupted):
        printer.warn("the builds of a commit differ")
    with suppress(BrokenPipeError):
        stream.close()


def test_options_stand_in_a_file_and_the_command_line_is_stronger(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(2, 1)
    config = bisector.cwd / "linux.toml"
    config.write_text(f"""
repo = "{tree.path}"\nold = "{tree.base}"\nnew = "no-such"\nend-boots = 1\nconfirm-boots = 1
scenario = "exec-sigtrap"\nstate = "{bisector.state}2"\nccache = false\nsilence-limit = 7.5
""")
    ran = bisector("start", "--json", "--config", config, "--bad", ids[1])
    assert (ran.code, ran.culprit) == (0, ids[1])
    settings = ran.lines[0]["settings"]
    assert (settings["end_boots"], settings["limits"]["silence"], settings["ccache"]) == (1, 7.5, None)
    assert bisector.sessions


@pytest.mark.parametrize(
    ("line", "why"), [("colour = 1", "no option 'colour'"), ("jobs = [", "is not TOML"), ("jobs = 'x'", "jobs")]
)
def test_a_file_with_an_unknown_option_is_refused(line: str, why: str, tree: MiniTree, bisector: Bisector) -> None:
    (bisector.cwd / "bot.toml").write_text(f"{line}\n")
    ran = bisector("start", "--json", "--config", "bot.toml", "--repo", tree.path, "--old", "a", "--new", "b")
    assert ran.code == 2
    assert why in ran.lines[0]["message"]


def test_a_bot_asks_for_json_in_its_file(bisector: Bisector) -> None:
    (bisector.cwd / "bot.toml").write_text("json = true\n")
    assert bisector("list", "--config", "bot.toml").lines == [{"command": "list", "schema": SCHEMA, "sessions": []}]


def test_good_and_bad_are_other_names_for_old_and_new(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(2, 1)
    ran = bisector("start", "--json", "--repo", tree.path, f"--good={tree.base}", f"--bad={ids[1]}", *ONCE)
    assert (ran.code, ran.culprit) == (0, ids[1])


# -- the user's checkout -------------------------------------------------------------------------------


def belongings(repository: Path) -> Json:
    """Everything of a repository, git's own files to the byte and the time."""
    gitdir = repository / ".git" if (repository / ".git").exists() else repository
    mine = [path for path in repository.rglob("*") if path.is_file()]
    argv = ["git", "-C", str(repository), "for-each-ref"]
    return {
        "files": {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in mine},
        "refs": subprocess.run(argv, capture_output=True, check=True).stdout,
        "head": (gitdir / "HEAD").read_text(),
    }


def test_a_dirty_checkout_and_a_bisection_of_the_users_own_stay_as_they_are(
    tmp_path: Path, bisector: Bisector
) -> None:
    tree = MiniTree.create(tmp_path / "my linux tree")
    ids = tree.story(6, 3)
    tree.checkout("main")
    tree.git("bisect", "start", ids[-1], tree.base)
    tree.git("bisect", "skip")
    (tree.path / "init" / "main.c").write_text("not yet committed\n")
    (tree.path / "behaviour.h").unlink()
    (tree.path / "new file").write_text("untracked\n")
    tree.git("add", "init/main.c")
    hook = tree.path / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    bisector.env["HOME"] = str(tmp_path)
    (tmp_path / ".gitconfig").write_text(SETTINGS)
    before = belongings(tree.path)
    foreign = {"GIT_DIR": "/no/such", "GIT_INDEX_FILE": str(tree.path / ".git" / "index"), "GIT_WORK_TREE": "/tmp"}
    ran = bisector.start(tree.path / "lib", tree.base, ids[-1], *ONCE, env=foreign)
    assert (ran.code, ran.culprit) == (0, ids[3]), ran.err
    assert belongings(tree.path) == before
    assert "refs/bisect/bad" in tree.git("for-each-ref")


def test_a_bare_repository_is_bisected(tree: MiniTree, bisector: Bisector, tmp_path: Path) -> None:
    ids = tree.story(2, 1)
    bare = tmp_path / "bare.git"
    tree.git("clone", "-q", "--bare", str(tree.path), str(bare))
    before = belongings(bare)
    ran = bisector.start(bare, tree.base, "main", *ONCE)
    assert (ran.code, ran.culprit) == (0, ids[1])
    assert belongings(bare) == before


# -- the kernels ---------------------------------------------------------------------------------------


def built(bisector: Bisector, tree: MiniTree, *revisions: str) -> list[Json]:
    """Build and boot revisions one after another in one object directory; return their steps."""
    ran = bisector("test", "--json", "--repo", tree.path, "--no-ccache", *revisions)
    assert ran.code == 0, ran.err
    steps = ran.lines[0]["steps"]
    assert isinstance(steps, list)
    return steps


def test_the_same_source_makes_the_same_image_bit_for_bit(tmp_path: Path, bisector: Bisector) -> None:
    images = []
    for place in ("here", "elsewhere-in-a-longer-directory"):
        tree = MiniTree.create(tmp_path / place / "linux")
        ids = tree.story(3, 1)
        bisector.state = tmp_path / place / "state"
        order = ids if place == "here" else ids[::-1]
        steps = {step["commit"]["id"]: step["kernel"] for step in built(bisector, tree, *order)}
        images.append([Path(steps[commit]["image"]).read_bytes() for commit in ids])
    assert images[0] == images[1]
    assert len(set(images[0])) > 1


def test_an_option_that_was_lost_is_back_where_it_can_be(tree: MiniTree, bisector: Bisector) -> None:
    lost = tree.commit("mini: lose", drops=["PERF_EVENTS", "KALLSYMS"])
    back = tree.commit("mini: restore", restores=["PERF_EVENTS", "KALLSYMS"])
    _, without, with_it = built(bisector, tree, tree.base, lost, back)
    assert without["because"].startswith("CONFIG_PERF_EVENTS vanished")
    config = Path(with_it["kernel"]["config"]).read_text()
    assert "CONFIG_PERF_EVENTS=y" in config
    assert "CONFIG_KALLSYMS=y" in config
    assert with_it["because"] == "boot and probe complete"


def test_an_unchanged_config_keeps_its_time_so_that_little_is_built_again(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(2, 1)
    times = []
    for commit in (tree.base, ids[1]):
        [step] = built(bisector, tree, commit)
        [config] = bisector.state.glob("workspaces/*/0/objects/.config")
        times.append(config.stat().st_mtime_ns)
        log = Path(step["logs"][0]).read_text()
        assert ("CC      lib/printk.o" in log) == (commit == tree.base)
    assert times[0] == times[1]


def test_a_table_of_behaviours_is_printed_for_people(tree: MiniTree, bisector: Bisector) -> None:
    broken = tree.commit("mini: \x1b[31mbroken", breaks="compile")
    ran = bisector("test", "--repo", tree.path, tree.base, "main")
    assert ran.code == 0
    rows = {line.split()[0]: line.split()[1:] for line in ran.out.splitlines() if line.strip()}
    assert rows["exec-sigtrap"] == ["STUCK", "-"]
    assert f"{broken[:12]} makes no kernel: " in ran.out
    assert json.dumps(ran.out).count("\\u001b") == 0
