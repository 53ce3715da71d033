"""Is the history that we make the tarball, then the story, and the same wherever it is made?

The tarball is a tiny one, of our own text, with just what the story `unsup` looks for.
"""

import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import kernel_history
import pytest
from kernel_history import STORIES, HistoryError
from kernel_history import git as history_git
from kernel_history.edits import Edit, above, after, append, before, create, rename, replace

from tests.conftest import Json

Env = dict[str, str]
SCRIPT = Path(kernel_history.__file__).parent
BREAKPOINTS = "arch/arm64/kernel/hw_breakpoint.c"
PARSE = "int hw_breakpoint_arch_parse(int a)\n{\n\t/* Build the arch_hw_breakpoint. */\n\treturn a;\n}\n"
FITTING = {
    "Documentation/arch/arm64/perf.rst": "Counting\n",
    "Documentation/arch/arm64/ptdump.rst": "Dumping\n",
    "arch/x86/kernel/hw_breakpoint.c": "void hw_breakpoint_restore(void)\n{\n}\n",
    "fs/proc/uptime.c": "int uptime_proc_show(int idle_nsec)\n{\n\treturn idle_nsec;\n}\n",
    "kernel/irq_work.c": "int before;\n\nstatic void wake_irq_workd(void)\n{\n}\n",
    "lib/bcd.c": "int _bin2bcd(int val)\n{\n\tint t = val;\n\n\treturn t;\n}\n",
    BREAKPOINTS: PARSE,
}
# What an unpacked tree and `git add` would not bring home as it is.
AWKWARD = {
    ".gitignore": "*.o\n",
    ".gitattributes": "* text eol=crlf ident\n",
    "kept.o": "$Id$\r\nmixed\n",
    "empty": "",
    'quoted "\n name': "a line break in a name\n",
    os.fsdecode(b"caf\xe9"): "not UTF-8\n",
}


def pack(folder: Path, files: Mapping[str, str]) -> Path:
    """Return a tarball of the files, an executable and a symbolic link, made by tar."""
    tree = folder / "linux-source-6.12"
    for path, text in {**files, "scripts/run.sh": "true\n"}.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(text.encode())
    (tree / "scripts/run.sh").chmod(0o755)
    (tree / "link").symlink_to("lib/bcd.c")
    subprocess.run(["tar", "-C", folder, "-cJf", folder / "linux-source-6.12.tar.xz", tree.name], check=True)
    return folder / "linux-source-6.12.tar.xz"


def run(source: Path, into: Path, env: Env) -> subprocess.CompletedProcess[str]:
    """Run the script as a person does: Python is given the folder."""
    argv: list[str | Path] = [sys.executable, SCRIPT, "--source", source, "--into", into, "--story", "unsup"]
    return subprocess.run(argv, env=env, cwd=into.parent, capture_output=True, text=True, timeout=60, check=False)


def git(repository: Path, *words: str) -> str:
    return history_git.run(repository, *words).decode(errors="surrogateescape")


def refs(repository: Path) -> dict[str, str]:
    rows = git(repository, "for-each-ref", "--format=%(refname) %(objectname)")
    return dict(row.split(" ") for row in rows.splitlines())


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(tmp_path_factory.mktemp("source"), {**FITTING, **AWKWARD})


@pytest.fixture(scope="module")
def made(source: Path, environ: Env, tmp_path_factory: pytest.TempPathFactory) -> Json:
    """The JSON of a history that is there."""
    done = run(source, tmp_path_factory.mktemp("made") / "linux.git", environ)
    assert done.returncode == 0, done.stderr
    said: Json = json.loads(done.stdout)
    return said


TWO = "int one(void)\n{\n\tint a = 1;\n\treturn a;\n}\n\nint two(void)\n{\n\treturn 1;\n}\n"


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (replace("f.c", r"1(?=;\n\})", "2", "two"), TWO.replace("return 1", "return 2")),
        (before("f.c", r"return", "\t/* 1 */\n", "two"), TWO.replace("\treturn 1", "\t/* 1 */\n\treturn 1")),
        (after("f.c", r"int a", "\ta++;\n"), TWO.replace("= 1;\n", "= 1;\n\ta++;\n")),
        (above("f.c", "two", "/* 2 */\n"), TWO.replace("int two", "/* 2 */\nint two")),
        (rename("f.c", "one", "a", "b"), TWO.replace("int a", "int b").replace("return a", "return b")),
        (append("f.c", "end\n"), TWO + "end\n"),
    ],
)
def test_an_edit_puts_its_text_where_it_says(edit: Edit, expected: str) -> None:
    assert edit.apply(TWO) == expected


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (replace("f.c", r"return", ""), "f.c: anchor 'return' matches 2 times, not once"),
        (before("f.c", r"absent", ""), "f.c: anchor 'absent' matches 0 times, not once"),
        (after("f.c", r"int a", "", "two"), "f.c: anchor 'int a' in two() matches 0 times, not once"),
        (rename("f.c", "two", "a", "b"), r"f.c: anchor '\\ba\\b' in two() does not match"),
        (above("f.c", "three", ""), "f.c: function three() is defined 0 times, not once"),
        (create("f.c", ""), "f.c: is there already"),
    ],
)
def test_an_edit_that_does_not_fit_is_refused_by_path_and_anchor(edit: Edit, complaint: str) -> None:
    with pytest.raises(HistoryError, match=re.escape(complaint)):
        edit.apply(TWO)


@pytest.mark.parametrize("name", STORIES)
def test_a_story_has_its_culprit_inside_and_no_text_of_the_kernels(name: str) -> None:
    story = STORIES[name]
    assert 0 < len(story.before) < len(story.changes) - 1
    assert len(set(story.changes)) == len(story.changes) == (30 if name == "demo" else 7)
    for edit in (edit for change in story.changes for edit in change.edits):
        assert not re.search(r"^(diff --git |index \w+\.\.|--- |\+\+\+ |@@ |[-+]\t)", edit.text, re.MULTILINE)


def test_the_base_is_the_tarball_byte_for_byte(made: Json) -> None:
    wanted = {path: ("100644", text.encode()) for path, text in {**FITTING, **AWKWARD}.items()}
    wanted |= {"scripts/run.sh": ("100755", b"true\n"), "link": ("120000", b"lib/bcd.c")}
    blobs = {path: (mode, b"blob %d\0%s" % (len(text), text)) for path, (mode, text) in wanted.items()}
    rows = git(Path(made["repository"]), "ls-tree", "-r", "-z", "base").split("\0")[:-1]
    found = {row.partition("\t")[2]: tuple(row.partition("\t")[0].split(" blob ")) for row in rows}
    assert found == {path: (mode, hashlib.sha1(blob).hexdigest()) for path, (mode, blob) in blobs.items()}


def test_the_refs_and_the_json_agree(made: Json) -> None:
    repository = Path(made["repository"])
    told = {made[end]["ref"]: made[end]["commit"] for end in ("base", "branch", "old", "new", "culprit")}
    assert told == refs(repository)
    log = git(repository, "log", "--reverse", "--format=%H %P%n%s", "base..unsup").splitlines()
    ids = [made["old"]["commit"], *(one["commit"] for one in made["commits"])]
    assert log[::2] == [f"{commit} {parent}" for parent, commit in itertools.pairwise(ids)]
    assert log[1::2] == [one["subject"] for one in made["commits"]] == [c.subject for c in STORIES["unsup"].changes]
    assert made["culprit"]["commit"] == ids[1 + len(STORIES["unsup"].before)]
    assert git(repository, "diff", "--name-only", f"{ids[4]}^", ids[4]).split() == [BREAKPOINTS]


def test_ids_are_the_same_everywhere(made: Json, source: Path, environ: Env, tmp_path: Path) -> None:
    """The id in full: if the import changes it, repositories that are there must be made anew (IMPORT)."""
    assert made["base"]["commit"] == "769178c726658cf71780de08cbe4ceb1ce1f15d3"
    (tmp_path / ".gitconfig").write_text("[core]\n\tautocrlf = true\n[init]\n\tdefaultBranch = x\n[broken\n")
    hostile = {"HOME": str(tmp_path), "TZ": "Asia/Tokyo", "LC_ALL": "C", "GIT_DIR": "/nowhere"}
    hostile |= {"GIT_DEFAULT_HASH": "sha256", "GIT_AUTHOR_DATE": "1", "GIT_CONFIG_PARAMETERS": "broken"}
    done = run(source, tmp_path / "again.git", environ | hostile)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == made | {"repository": str(tmp_path / "again.git")}


def test_a_second_call_changes_nothing(made: Json, source: Path, environ: Env) -> None:
    repository = Path(made["repository"])
    there = (refs(repository), sorted(repository.rglob("*")))
    done = run(source, repository, environ)
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, made, "")
    assert (refs(repository), sorted(repository.rglob("*"))) == there


def refused(done: subprocess.CompletedProcess[str], sentence: str) -> None:
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(f"kernel_history: [^\n]*{re.escape(sentence)}[^\n]*\n", done.stderr), done.stderr


def test_a_tarball_that_is_missing_or_none_leaves_nothing(environ: Env, tmp_path: Path) -> None:
    (tmp_path / "letter.tar.xz").write_text("Dear reader\n")
    refused(run(tmp_path / "absent.tar.xz", tmp_path / "linux.git", environ), "absent.tar.xz: no such tarball")
    refused(run(tmp_path / "letter.tar.xz", tmp_path / "linux.git", environ), "letter.tar.xz: not a whole tarball")
    assert {path.name for path in tmp_path.iterdir()} == {"letter.tar.xz", "linux.git.lock"}


def test_what_is_not_ours_or_of_another_source_is_left_alone(made: Json, environ: Env, tmp_path: Path) -> None:
    other, ours = pack(tmp_path, FITTING), Path(made["repository"])
    git(tmp_path / "theirs.git", "init", "--quiet", "--bare")
    for name in ("linux-source-6.12", "theirs.git"):
        refused(run(other, tmp_path / name, environ), f"{name}: is not made by this script; remove it or choose")
    refused(run(other, ours, environ), "linux.git: is of another source (1 ")
    assert (tmp_path / "linux-source-6.12/lib/bcd.c").exists()
    assert (refs(tmp_path / "theirs.git"), refs(ours)["refs/heads/base"]) == ({}, made["base"]["commit"])


def test_a_source_that_the_story_does_not_fit_gets_no_story(environ: Env, tmp_path: Path) -> None:
    twice = PARSE.replace("\treturn", "\t/* Build the arch_hw_breakpoint again. */\n\treturn")
    done = run(pack(tmp_path, {**FITTING, BREAKPOINTS: twice}), tmp_path / "linux.git", environ)
    complaint = "anchor 'Build the arch_hw_breakpoint' in hw_breakpoint_arch_parse() matches 2 times, not once"
    assert (done.returncode, f"{BREAKPOINTS}: {complaint}" in done.stderr.splitlines()[-1]) == (2, True)
    assert list(refs(tmp_path / "linux.git")) == ["refs/heads/base"]
