"""What does a clumsy person, or a hostile file, get out of the command line?  One sentence, and nothing changed."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bisector import events, journal
from bisector.model import Purpose, Verdict
from tests import samples
from tests.conftest import ONCE, Bisector, Ran
from tests.minitree import MiniTree

IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@example.org")
READING = ("status", "log", "list", "report", "resume")


def refused(bisector: Bisector, ran: Ran) -> str:
    """See that a start was refused with a sentence and a hint, and left nothing; return the sentence."""
    assert ran.code == 2, ran.err
    [failure] = ran.lines
    sentence, *hints = ran.err.splitlines()
    assert sentence.startswith("bisector: ")
    assert len(hints) == 1
    assert failure["hint"]
    assert not bisector.state.exists()
    return str(failure["message"])


# -- revisions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("revision", "why"),
    [
        ("^main", "does not name one commit"),
        ("main..main~1", "has no commit"),
        ("main...main~1", "has no commit"),
        ("main^!", "has no commit"),
        ("main^@", "has no commit"),
        ("main^{tree}", "names something in"),
        ("main:Makefile", "has no commit"),
        ("blob-tag", "names something in"),
        ("tag-of-blob", "names something in"),
        (":/no commit says this", "has no commit"),
        ("main~99999999999999", "has no commit"),
        ("HEAD@{upstream}", "git cannot read"),
        ("main\n", "is not a revision"),
        ("a\x1b[31mb", "is not a revision"),
        ("\u202emain", "is not a revision"),
        ("\udcff\udcfe", "is not a revision"),
        ("--all", "is not a revision"),
        ("a" * 100_000, "has no commit 'aaaa"),
    ],
)
def test_what_names_no_commit_is_refused_in_one_sentence(
    revision: str, why: str, tree: MiniTree, bisector: Bisector
) -> None:
    blob = tree.git("rev-parse", "main:Makefile").strip()
    tree.git("tag", "blob-tag", blob)
    tree.git(*IDENTITY, "tag", "-a", "-m", "x", "tag-of-blob", blob)
    words = ("--json", "--repo", tree.path, f"--old={tree.base}", f"--new={revision}")
    said = refused(bisector, bisector("start", *words))
    assert why in said
    assert len(said) < 1000
    assert "worktrees" not in os.listdir(tree.path / ".git")


def test_the_first_digits_of_several_commits_are_refused_by_name(tree: MiniTree, bisector: Bisector) -> None:
    # Sooner or later two ids share their first four digits, the fewest that git takes.
    seen: set[str] = set()
    while (twice := tree.commit(f"mini: {len(seen)}")[:4]) not in seen:
        seen.add(twice)
    said = refused(bisector, bisector.start(tree.path, tree.base, twice))
    assert "is the beginning of several commit ids" in said


@pytest.mark.parametrize("revision", ["tag-of-tag", "HEAD@{1}", ":/change 2", "main^{/change 2}", "main@{0}"])
def test_every_way_in_which_git_names_a_commit_is_taken(revision: str, tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(3, 1)
    tree.git(*IDENTITY, "tag", "-a", "-m", "x", "once", ids[2])
    tree.git(*IDENTITY, "tag", "-a", "-m", "x", "tag-of-tag", "once")
    tree.git("update-ref", "--create-reflog", "-m", "x", "refs/heads/main", ids[2])
    tree.git("checkout", "-q", "main")
    tree.git("checkout", "-q", tree.base)
    # Refused only because the ends are one commit: the very one that was meant.
    said = refused(bisector, bisector.start(tree.path, ids[2], revision))
    assert said == f"both ends are the commit {ids[2][:12]}"


# -- options, files of options ---------------------------------------------------------------------------


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_directory(path: Path) -> None:
    path.mkdir()


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(4 << 30)


STRANGE = [a_pipe, a_directory, endless, huge]


@pytest.mark.parametrize("option", ["--config", "--fragment"])
@pytest.mark.parametrize("put", STRANGE)
def test_what_is_no_file_for_options_is_refused_and_not_waited_for(
    put: Callable[[Path], None], option: str, tree: MiniTree, bisector: Bisector, tmp_path: Path
) -> None:
    put(tmp_path / "options")
    ran = bisector.start(tree.path, tree.base, "main", option, str(tmp_path / "options"))
    assert "cannot read" in refused(bisector, ran)


@pytest.mark.parametrize(
    "raw",
    [
        b"\0",
        b"jobs = [1, 2]",
        b"jobs = 1979-05-27",
        b"[jobs]\na = 1",
        b"jobs = " + b"9" * 5000,
        b"jobs = " + b"9" * 50,
        b"json = []",
        b'json = "maybe"',
        b"repo = true",
        b'repo = "a\\u0000b"',
        b'state = ["a"]',
        b'fragment = ["a\\u0000"]',
        b"a = " + b"[" * 100_000,
        b'old = "a"\nold = "b"',
        b'old = "\xe9"',
        'old = "a"'.encode("utf-16"),
        b'"a\\nb\\u001b[31m" = 1',
        b"silence-limit = nan",
        b"output-limit = inf",
        b'llvm = "$(shell touch owned)"',
        b'cross-compile = "../x; touch owned;"',
        b'cpu = "max -monitor stdio"',
    ],
    ids=lambda raw: repr(raw[:40]),
)
def test_a_file_of_options_can_say_what_it_likes(raw: bytes, tree: MiniTree, bisector: Bisector) -> None:
    (bisector.cwd / "bot.toml").write_bytes(raw)
    ran = bisector(
        "start", "--json", "--config", "bot.toml", f"--repo={tree.path}", f"--old={tree.base}", "--new=main"
    )
    # An older state option may have been the one that is wrong, so that only what is ours is looked at.
    assert refused(bisector, ran)
    assert os.listdir(bisector.cwd) == ["bot.toml"]


def test_a_file_of_options_may_begin_with_a_byte_order_mark(bisector: Bisector) -> None:
    (bisector.cwd / "bot.toml").write_bytes(b"\xef\xbb\xbfjson = true\n")
    assert bisector("list", "--config", "bot.toml").lines[0]["sessions"] == []


@pytest.mark.parametrize("name", ["a b", "a\nb", "a'b", 'a"b', "a$(touch x)`id`", "a%b", "a\\b", "a;b", "a#b", "a:b"])
def test_a_state_directory_that_make_reads_otherwise_is_refused(
    name: str, tree: MiniTree, bisector: Bisector, tmp_path: Path
) -> None:
    bisector.state = tmp_path / name
    [new] = tree.story(1, 0)
    said = refused(bisector, bisector.start(tree.path, tree.base, new))
    assert "in its path that make does not take" in said


@pytest.mark.parametrize("name", ["a b\nc'd\"e:$HOME-${HOME}", "-x\u202e" + "l" * 200, "$(touch x)`id`", "$HOME"])
def test_a_repository_may_be_called_as_it_likes(name: str, tmp_path: Path, bisector: Bisector) -> None:
    tree = MiniTree.create(tmp_path / name / "-y z")
    ids = tree.story(2, 1)
    bisector.cwd = tmp_path / name
    ran = bisector("start", "--json", "--repo=-y z", "--old", tree.base, "--new", ids[1], *ONCE)
    assert (ran.code, ran.culprit) == (0, ids[1]), ran.err


def test_a_repository_may_be_a_linked_worktree(tmp_path: Path, tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(2, 1)
    linked = tmp_path / "linked"
    tree.git("worktree", "add", "-q", "--detach", str(linked), ids[1])
    before = sorted((path, path.stat().st_mtime_ns) for path in (tree.path / ".git").rglob("*"))
    assert bisector.start(linked, tree.base, "HEAD", *ONCE).culprit == ids[1]
    assert sorted((path, path.stat().st_mtime_ns) for path in (tree.path / ".git").rglob("*")) == before


def test_a_repository_whose_path_no_journal_can_hold_is_refused_and_a_link_to_it_is_taken(
    tmp_path: Path, bisector: Bisector
) -> None:
    tree = MiniTree.create(tmp_path / "a\udcffb")
    ids = tree.story(2, 1)
    assert "is not UTF-8" in refused(bisector, bisector.start(tree.path, tree.base, ids[1]))
    (tmp_path / "plain").symlink_to(tree.path)
    assert bisector.start(tmp_path / "plain", tree.base, ids[1], *ONCE).culprit == ids[1]


# -- journals ------------------------------------------------------------------------------------------

GOOD = b"".join(events.encode(event) + b"\n" for event in (samples.started(), *samples.found()))
OURS = b'"schema":%d' % events.SCHEMA
FIRST, REST = GOOD.split(b"\n", 1)


def kept(bisector: Bisector, raw: bytes | Callable[[Path], None]) -> Path:
    """Put a session's journal into the state directory."""
    path = bisector.state / "sessions" / samples.started().session / journal.NAME
    path.parent.mkdir(parents=True)
    if isinstance(raw, bytes):
        path.write_bytes(raw)
    else:
        raw(path)
    return path


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "it is empty"),
        (b"\0" * 4096, "line 1 cannot be read"),
        (REST, "line 1 is another event"),
        (GOOD.decode().encode("utf-16"), "line 1 cannot be read"),
        (b'{"event":"holiday"}\n[1, 2]\n"a"\n', "line 1 cannot be read: "),
        (GOOD.replace(OURS, b'"schema":%d' % (events.SCHEMA + 1)), "line 1: written by a newer bisector"),
        (GOOD.replace(OURS, b'"schema":0'), "no version of bisector wrote the schema 0"),
        (a_pipe, "it is not a regular file"),
        (a_directory, "Is a directory"),
        (endless, "it is not a regular file"),
        (huge, "it is larger than 256 MiB"),
    ],
    ids=lambda part: part.__name__ if callable(part) else repr(part[:20]),
)
def test_a_journal_that_is_none_is_said_by_name_and_left_as_it_is(
    raw: bytes | Callable[[Path], None], why: str, bisector: Bisector
) -> None:
    path = kept(bisector, raw)
    for command in READING:
        ran = bisector(command, "--json")
        said = ran.lines[0]["sessions"][0]["answer"] if command == "list" else ran.lines[-1]["message"]
        assert ran.code == (0 if command == "list" else 2)
        assert why in said
        assert str(path) in said
    assert sorted(os.listdir(path.parent)) == [journal.NAME]
    assert not isinstance(raw, bytes) or path.read_bytes() == raw


def test_what_is_readable_of_a_damaged_journal_is_kept(bisector: Bisector) -> None:
    raw = GOOD.replace(b'"search"', b'"sea\xffch"', 1) + b"\0" * 512 + b'\n{"event":"step",' + OURS + b',"st'
    path = kept(bisector, raw)
    status, report = bisector("status", "--json"), bisector("report", "--json")
    assert (status.lines[0]["state"], status.lines[0]["spoiled_lines"]) == ("finished", [6, 16, 17])
    assert report.lines[0]["report"]["conclusion"]["culprit"]["id"] == samples.CULPRIT.id
    assert len(bisector("log", "--json").lines) == 14
    assert bisector("resume", "--json").culprit == samples.CULPRIT.id
    assert path.read_bytes() == raw


@pytest.mark.parametrize(
    ("sound", "strange"),
    [
        (b'"end_boots":2', b'"end_boots":0'),
        (b'"confirm_boots":3', b'"confirm_boots":-1'),
        (b'"jobs":2', b'"jobs":0'),
        (b'{"silence":20.5}', b'{"silense":20.5}'),
        (b'{"silence":20.5}', b'{"silence":-20.5}'),
        (b'"new_outcome":"OK"', b'"new_outcome":"fine"'),
        (b'"accel":"tcg"', b'"accel":"tcg -S"'),
        (b'"cross_compile":"aarch64-linux-gnu-"', b'"cross_compile":"$(shell touch x)"'),
        (b'"repo":"/srv/linux"', b'"repo":"/srv/\\u0000"'),
    ],
)
def test_a_session_s_settings_are_believed_only_if_bisector_could_have_written_them(
    sound: bytes, strange: bytes, bisector: Bisector
) -> None:
    assert sound in FIRST
    kept(bisector, GOOD.replace(sound, strange, 1))
    for command in ("report", "status", "resume"):
        ran = bisector(command, "--json")
        assert ran.code == 2
        assert "line 1 cannot be read" in ran.lines[-1]["message"]


def test_another_directory_for_ccache_than_bisector_s_own_is_refused(
    tree: MiniTree, bisector: Bisector, tmp_path: Path
) -> None:
    [new] = tree.story(1, 0)
    assert bisector.start(tree.path, tree.base, new, *ONCE).code == 0
    path = bisector.sessions[0] / journal.NAME
    first = path.read_bytes().split(b"\n")[0]
    begun = json.loads(first)
    begun["settings"]["ccache"] = str(tmp_path)
    path.write_bytes(json.dumps(begun).encode() + b"\n")
    ran = bisector("resume", "--json")
    assert (ran.code, sorted(tmp_path.glob("*.*"))) == (2, [])
    assert "keeps ccache's objects in" in ran.lines[-1]["message"]


# -- the state directory ---------------------------------------------------------------------------------


def test_what_is_kept_is_for_its_user_only(tree: MiniTree, bisector: Bisector) -> None:
    [new] = tree.story(1, 0)
    (bisector.state / "sessions").mkdir(parents=True, mode=0o755)
    assert bisector.start(tree.path, tree.base, new, *ONCE).code == 0
    for place in (bisector.state / name for name in ("sessions", "tests", "workspaces")):
        assert (place.stat().st_mode & 0o7777, place.stat().st_uid) == (0o700, os.geteuid())


@pytest.mark.parametrize("name", ["sessions", "tests", "workspaces"])
@pytest.mark.parametrize("how", ["a link", "a dead link", "a file", "another user's"])
def test_what_is_no_directory_of_one_s_own_is_refused(
    name: str, how: str, tree: MiniTree, bisector: Bisector, tmp_path: Path
) -> None:
    place, other = bisector.state / name, tmp_path / "other"
    bisector.state.mkdir()
    other.mkdir(mode=0o755)
    if how == "a file":
        place.write_text("x")
    elif how == "another user's" and os.geteuid() == 0:
        place.mkdir()
        os.chown(place, 65534, 65534)
    else:
        place.symlink_to(tmp_path / "none" if how == "a dead link" else other)
    [new] = tree.story(1, 0)
    ran = bisector.start(tree.path, tree.base, new)
    assert (ran.code, "is no directory of yours" in ran.err) == (2, True)
    assert (other.stat().st_mode & 0o777, list(other.iterdir())) == (0o755, [])


@pytest.mark.parametrize("claimed", [False, True])
def test_what_others_keep_in_a_directory_that_is_named_by_mistake_stays(bisector: Bisector, *, claimed: bool) -> None:
    theirs = bisector.state / "tests" / "unit" / "kernels" / "gpu" / "kernel.cu"
    theirs.parent.mkdir(parents=True, mode=0o755)
    theirs.write_text("theirs")
    if claimed:
        (bisector.state / "sessions").mkdir()
    before = sorted(bisector.state.rglob("*"))
    cleaned = bisector("clean", "--to", "0", "--sessions")
    assert theirs.read_text() == "theirs"
    if not claimed:
        assert (cleaned.code, "has a directory 'tests' that bisector did not make" in cleaned.err) == (2, True)
        assert sorted(bisector.state.rglob("*")) == before
    else:
        # Ours is known for ours, also where somebody removed all of its sessions.
        assert cleaned.code == 0
        (bisector.state / "sessions").rmdir()
        assert bisector("clean").code == 0
    for words in (("clean", "--state="), ("list", "--state=")):
        ran = bisector(*words)
        assert (ran.code, "an empty path names no directory" in ran.err) == (2, True)
    assert bisector("clean", f"--state={bisector.state}-none").code == 2
    assert not Path(f"{bisector.state}-none").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cpu", "nonsense"), "has no CPU model 'nonsense'"),
        (("--build-memory", "inf"), "is no size"),
        (("--build-memory", "1e-300"), "is no size"),
        (("--build-disk", "nan"), "is no size"),
        (("--llvm=-99",), "clang-99 is not installed"),
        (("--scenario", "exec-sigtrap", "--old-outcome", "OK", "--new-outcome", "OK"), "both outcomes are OK"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_words_that_cannot_be_are_refused_before_anything_is_built(
    words: tuple[str, ...], said: str, tree: MiniTree, bisector: Bisector
) -> None:
    [new] = tree.story(1, 0)
    ran = bisector.start(tree.path, tree.base, new, *words)
    assert (ran.code, said in ran.err, ran.lines[-1]["command"]) == (2, True, "error"), ran.err
    assert not bisector.sessions


def test_a_plan_is_refused_where_the_start_would_be(tree: MiniTree, bisector: Bisector, tmp_path: Path) -> None:
    [new] = tree.story(1, 0)
    ends = ("plan", "--repo", tree.path, "--old", tree.base, "--new", new)
    assert bisector(*ends, "--accel", "kvm").code == 2
    odd = Bisector(tmp_path / "a b", bisector.env, bisector.cwd)
    assert (ran := odd(*ends)).code == 2
    assert "has spaces or signs in its path" in ran.err


# -- journals, side by side --------------------------------------------------------------------------------


def test_one_journal_that_cannot_be_shown_hides_no_other_from_the_list(bisector: Bisector) -> None:
    kept(bisector, GOOD.replace(b'"arm64"', b'"vax"'))
    other = bisector.state / "sessions" / "20250102-030405-abc"
    other.mkdir()
    (other / journal.NAME).write_bytes(GOOD)
    ran = bisector("list", "--json")
    assert [one["state"] for one in ran.lines[0]["sessions"]] == ["unreadable", "finished"]


@pytest.mark.parametrize("strange", ["both ways", "outside"])
def test_a_journal_whose_verdicts_contradict_is_no_answer(strange: str, tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(6, 3)
    other = tree.commit("mini: elsewhere", parents=[tree.base], branch="side", neutral="document")
    done = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert done.culprit == ids[3]
    path = bisector.sessions[0] / journal.NAME
    found = journal.read(bisector.sessions[0])
    taken = next(step for step in found.steps if step.purpose is Purpose.SEARCH)
    lines = path.read_bytes().splitlines(keepends=True)
    last = max(n for n, line in enumerate(lines) if b'"purpose":"search"' in line)
    told = events.encode(events.Tested(step=taken))
    if strange == "both ways":
        assert taken.verdict is not None
        turned = Verdict.OLD if taken.verdict is Verdict.NEW else Verdict.NEW
        told = told.replace(f'"verdict":"{taken.verdict.value}"'.encode(), f'"verdict":"{turned.value}"'.encode())
    else:
        told = told.replace(taken.commit.id.encode(), other.encode())
    path.write_bytes(b"".join(lines[: last + 1]) + told + b"\n")
    ran = bisector("resume", "--json")
    assert (ran.code, ran.culprit) == (2, None)
    assert ("both as" if strange == "both ways" else "is not between the ends") in ran.lines[-1]["message"]


# -- outputs and surroundings ----------------------------------------------------------------------------


def by_shell(bisector: Bisector, redirection: str, *words: str | Path) -> tuple[int, str, str]:
    """Run a command under a redirection of the shell's; return its code and what reached us."""
    argv = ["sh", "-c", f'"$@" {redirection}', "sh", *bisector.argv(*words)]
    done = subprocess.run(
        argv, env=bisector.env, cwd=bisector.cwd, capture_output=True, text=True, timeout=100, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("words", [("list",), ("report",), ("report", "--json"), ("log",), ("doctor",)])
def test_an_answer_that_was_lost_on_a_full_disk_is_a_failure(words: tuple[str, ...], bisector: Bisector) -> None:
    kept(bisector, GOOD)
    code, _, said = by_shell(bisector, ">/dev/full", *words)
    assert code == 20
    assert "No space left on device" in said or not said
    assert by_shell(bisector, ">/dev/full 2>/dev/full", *words)[0] == 20


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_outputs_change_no_exit_code(closed: str, bisector: Bisector) -> None:
    kept(bisector, GOOD)
    for words in (("list",), ("report", "--json"), ("log",), ("status",)):
        assert by_shell(bisector, closed, *words)[0] == 0
    assert by_shell(bisector, closed, "report", "no-such-session")[0] == 2


@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", ">&-"])
def test_a_bisection_without_any_output_writes_nothing_into_its_own_files(
    closed: str, tree: MiniTree, bisector: Bisector
) -> None:
    ids = tree.story(2, 1)
    words = ("--json", "--repo", tree.path, "--old", tree.base, "--new", ids[1], *ONCE)
    assert by_shell(bisector, closed, "start", *words)[0] == 0
    assert bisector.journal[-1]["conclusion"]["culprit"]["id"] == ids[1]
    assert bisector("status", "--json").lines[0]["spoiled_lines"] == []


def test_a_bisection_whose_output_is_a_full_disk_stops_and_can_be_resumed(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(2, 1)
    words = ("--json", "--repo", tree.path, "--old", tree.base, "--new", ids[1], *ONCE)
    code, _, said = by_shell(bisector, ">/dev/full", "start", *words)
    assert code == 20
    assert "cannot write to our output: No space left on device" in said
    assert bisector("resume", "--json").culprit == ids[1]


@pytest.mark.parametrize(
    "surroundings",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "xx_YY.nonsense"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"TERM": "bogus"},
        {"COLUMNS": "0"},
        {"COLUMNS": "-5"},
        {"COLUMNS": "garbage", "LINES": "x"},
        {"PYTHONOPTIMIZE": "2"},
        {"PYTHONWARNINGS": "error"},
        {"GIT_PYTHON_GIT_EXECUTABLE": "/bin/false"},
        {"GIT_PYTHON_REFRESH": "raise"},
        {"XDG_STATE_HOME": ""},
    ],
    ids=repr,
)
def test_no_surroundings_change_what_is_read(surroundings: dict[str, str], bisector: Bisector) -> None:
    said = "é 漢 \u202e \x9b \x1b[31m"
    begun = events.encode(samples.started(samples.commit("0", said)))
    kept(bisector, begun + b"\n" + REST)
    for command in READING:
        ran = bisector(command, env=surroundings)
        assert ran.code == 0, ran.err
        assert "\x1b" not in ran.out
    assert bisector("report", "--json", env=surroundings).lines[0]["report"]["old"]["subject"] == said
