"""Can a repository, or what a commit brings, run a program of its choice, mislead the search, or drive a terminal?"""

import json
import os
import stat
import subprocess
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from bisector import buildlog, events, frames, probe
from bisector.model import Ending, Transcript
from bisector.report import harmless
from tests import samples
from tests.conftest import LONG, ONCE, Bisector
from tests.frames import LOOPING, NONCE, frame, sound_boot
from tests.minitree import MiniTree

# Whoever sets one of these has a program run by git, if a commit's attributes or our commands give an occasion.
PROGRAMS = [
    "core.fsmonitor",
    "core.pager",
    "core.editor",
    "core.askPass",
    "core.sshCommand",
    "core.alternateRefsCommand",
    "diff.external",
    "diff.evil.textconv",
    "diff.evil.command",
    "merge.evil.driver",
    "filter.evil.smudge",
    "filter.evil.clean",
    "filter.evil.process",
    "filter.evil.x.smudge",
    "gpg.program",
    "interactive.diffFilter",
    "uploadpack.packObjectsHook",
]
HOOKS = ("post-checkout", "reference-transaction", "post-index-change", "pre-auto-gc", "fsmonitor-watchman")
# What only misleads: how texts are written and files are checked out.
SETTINGS = {
    "core.autocrlf": "true",
    "core.eol": "crlf",
    "core.symlinks": "false",
    "core.fileMode": "false",
    "core.ignoreCase": "true",
    "core.sparseCheckout": "true",
    "diff.renames": "copies",
    "diff.noprefix": "true",
    "filter.evil.required": "true",
    "filter.evil.x.required": "true",
    "format.pretty": "raw",
    "i18n.logOutputEncoding": "UTF-16",
    "log.date": "relative",
    "log.mailmap": "true",
    "log.showSignature": "true",
    "protocol.ext.allow": "always",
    "submodule.recurse": "true",
    "submodule.sub.active": "true",
}


def wicked(tree: MiniTree, tmp_path: Path) -> Path:
    """Configure a repository as badly as can be; return the directory in which a program would leave its mark."""
    marks = tmp_path / "marks"
    marks.mkdir()
    for name in PROGRAMS:
        tree.git("config", name, f"touch {marks}/{name}; cat")
    for name, value in SETTINGS.items():
        tree.git("config", name, value)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    tree.git("config", "core.hooksPath", str(hooks))
    for name in HOOKS:
        (hooks / name).write_text(f"#!/bin/sh\ntouch {marks}/{name}\n")
        (hooks / name).chmod(0o755)
    for name in ("bisect", "rev-parse", "checkout", "show"):
        tree.git("config", f"alias.{name}", f"!touch {marks}/alias")
    return marks


def test_nothing_that_a_repository_configures_runs_or_changes_what_is_built(
    tree: MiniTree, bisector: Bisector, tmp_path: Path
) -> None:
    ids = tree.story(3, 1)
    last = tree.commit(
        "attributes", files={".gitattributes": "* filter=evil diff=evil merge=evil\n*.S filter=evil.x\n"}
    )
    marks = wicked(tree, tmp_path)
    ran = bisector.start(tree.path, tree.base, last, *ONCE)
    assert (ran.code, ran.culprit) == (0, ids[1]), ran.err
    assert os.listdir(marks) == []
    assert ran.conclusion["culprit"]["subject"] == "mini: change 1 of 3"
    assert ran.conclusion["files"] == ["behaviour.h"]
    # The trap is set: a plain checkout by the same git does run the filter.
    subprocess.run(["git", "-C", tree.path, "checkout", "-q", "-f", last], capture_output=True, check=False)
    assert "filter.evil.process" in os.listdir(marks)


@pytest.mark.parametrize(
    "how", ["replace", pytest.param("graft", marks=LONG), pytest.param("grafts file", marks=LONG)]
)
def test_a_commit_is_itself_and_not_what_replaces_it(how: str, tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(3, 1)
    if how == "grafts file":
        (tree.path / ".git" / "info").mkdir(exist_ok=True)
        (tree.path / ".git" / "info" / "grafts").write_text(f"{ids[2]} {tree.base}\n")
    else:
        words = ("replace", ids[2], ids[0]) if how == "replace" else ("replace", "--graft", ids[2], tree.base)
        tree.git("-c", "user.name=a", "-c", "user.email=a@example.org", *words)
    ran = bisector.start(tree.path, tree.base, ids[2], *ONCE)
    assert (ran.code, ran.culprit) == (0, ids[1]), ran.err


def test_refs_that_are_called_like_something_else_mislead_nobody(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(3, 1)
    names = (
        "heads/-x",
        "heads/HEAD",
        "heads/BISECT_HEAD",
        "tags/BISECT_HEAD",
        "bisect/bad",
        "heads/old",
        "heads/new",
    )
    for name in (*names, *(f"{kind}/{commit}" for kind in ("heads", "tags") for commit in (tree.base, *ids))):
        tree.git("update-ref", f"refs/{name}", tree.base)
    ran = bisector.start(tree.path, tree.base, ids[2], *ONCE)
    assert (ran.code, ran.culprit) == (0, ids[1]), ran.err


def written(tree: MiniTree, parent: str, entries: list[bytes], message: bytes = b"odd") -> str:
    """Write a commit with these `git update-index --index-info` entries; return its id."""
    index = {"GIT_INDEX_FILE": str(tree.path / ".git" / "odd-index"), "PATH": os.environ["PATH"]}

    def git(*words: str, stdin: bytes = b"") -> str:
        argv = ["git", "-C", str(tree.path), "-c", "user.name=a", "-c", "user.email=a@example.org", *words]
        return subprocess.run(argv, input=stdin, env=index, capture_output=True, check=True).stdout.decode().strip()

    git("read-tree", parent)
    git("update-index", "-z", "--index-info", stdin=b"".join(entry + b"\0" for entry in entries))
    return git("commit-tree", git("write-tree"), "-p", parent, stdin=message)


def test_files_of_a_commit_are_called_as_they_like_and_lead_nowhere(
    tree: MiniTree, bisector: Bisector, tmp_path: Path
) -> None:
    ids = tree.story(3, 1)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    blob, link, modules = (
        tree.git("hash-object", "-w", "--stdin", stdin=text).strip().encode()
        for text in (
            b"x",
            bytes(outside),
            b'[submodule "sub"]\n path=sub\n url=ext::touch% owned\n update=!touch x\n',
        )
    )
    names = [b"-rf", b"--help", b"a\nb", b"\x1b[31mred", b"\xff\xfe", b"A.txt", b"a.txt", b"$(touch x)", b"`id`.c"]
    entries = [b"100644 " + blob + b"\t" + name for name in names]
    entries += [
        b"120000 " + link + b"\tdir",
        b"120000 " + link + b"\tlib/out",
        b"100644 " + modules + b"\t.gitmodules",
    ]
    entries += [b"160000 " + ids[0].encode() + b"\tsub", b"160000 " + b"1" * 40 + b"\tgone"]
    odd = written(tree, ids[2], entries)
    # What was a link and a submodule is a directory and a link now.
    gone = [b"0 " + b"0" * 40 + b"\t" + name for name in (b"dir", b"gone")]
    last = written(tree, odd, [*gone, b"100644 " + blob + b"\tdir/kept", b"120000 " + link + b"\tsub"])
    ran = bisector("test", "--json", "--repo", tree.path, odd, last, odd)
    assert (ran.code, [step["broken"] for step in ran.lines[0]["steps"]]) == (0, [None] * 3)
    assert ran.lines[0]["steps"][0]["kernel"]["build_id"] == ran.lines[0]["steps"][2]["kernel"]["build_id"]
    assert [(path.name, path.read_text()) for path in outside.iterdir()] == [("kept", "kept")]
    assert bisector.start(tree.path, tree.base, last, *ONCE).culprit == ids[1]


AUTHOR = b"A <a@example.org> 1700000000 +0000"
ODD_COMMITS = {
    "a megabyte": (AUTHOR, b"", b"x" * (1 << 20)),
    "empty": (AUTHOR, b"", b""),
    "NUL": (AUTHOR, b"", b"a\0b\n"),
    "no UTF-8": (AUTHOR, b"", b"\xff\xfe\n"),
    "latin-1": (b"\xe9 <a@example.org> 1 +0000", b"encoding latin-1\n", b"\xe9\n"),
    "an encoding that is none": (AUTHOR, b"encoding \xff nonsense\n", b"\xe9\n"),
    "UTF-16": (AUTHOR, b"encoding UTF-16\n", "é".encode("utf-16")),
    "UTF-7 with a NUL": (b"+AAA-x <a@example.org> 1 +0000", b"encoding UTF-7\n", b"+AAA- +AAo-x\n"),
    "before all time": (b"A <a@example.org> -100 +0000", b"", b"x\n"),
    "after all time": (b"A <a@example.org> 99999999999999 +9999", b"", b"x\n"),
    "no date": (b"A <a@example.org> garbage", b"", b"x\n"),
    "brackets": (b"A <>> <b@<c>> 1 +0000", b"", b"x\n"),
    "nobody": (b"", b"", b"x\n"),
    "escapes": (b"\x1b[31mA <a> 1 +0000", b"", b"\x1b]52;c;eA==\x07\xc2\x9b31m\xe2\x80\xae\n"),
    "line ends": (AUTHOR, b"", b"a\r\nb\x0bc\xe2\x80\xa8d\n"),
}


def test_commits_as_no_program_writes_them_are_read(tree: MiniTree, bisector: Bisector) -> None:
    parent, made = tree.base, []
    for author, headers, message in ODD_COMMITS.values():
        where = tree.git("rev-parse", f"{tree.base}^{{tree}}").strip().encode()
        raw = b"tree " + where + b"\nparent " + parent.encode() + b"\nauthor " + author + b"\ncommitter " + author
        argv = ("hash-object", "-t", "commit", "-w", "--literally", "--stdin")
        parent = tree.git(*argv, stdin=raw + b"\n" + headers + b"\n" + message).strip()
        made.append(parent)
    last = tree.commit("mini: last", parents=[made[-1]], hits={"exec-sigtrap": "OK"})
    ran = bisector.start(tree.path, tree.base, last, *ONCE)
    assert (ran.code, ran.culprit) == (0, last), ran.err
    for commit in made:
        assert bisector.start(tree.path, commit, commit).code == 2
    assert not acts(ran.out + ran.err + bisector("report").out + bisector("log", "--json").out)


def test_what_a_partial_clone_lacks_is_not_fetched(tree: MiniTree, bisector: Bisector, tmp_path: Path) -> None:
    ids = tree.story(2, 1)
    tree.git("config", "uploadpack.allowFilter", "true")
    partial, mark = tmp_path / "partial", tmp_path / "asked"
    tree.git("clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{tree.path}", str(partial))
    for name, value in {"remote.origin.url": f"ext::touch {mark}", "protocol.ext.allow": "always"}.items():
        tree.git("-C", str(partial), "config", name, value)
    ran = bisector.start(partial, tree.base, ids[1], *ONCE)
    assert (ran.code, ran.culprit) == (20, None)
    assert "git fetch --refetch" in ran.lines[-1]["hint"]
    assert not mark.exists()
    tree.git("-C", str(partial), "config", "remote.origin.url", f"file://{tree.path}")
    tree.git("-C", str(partial), "fetch", "-q", "--refetch", "--no-filter", "origin")
    assert bisector("resume", "--json").culprit == ids[1]


def test_a_repository_with_sha256_is_bisected(tmp_path: Path, bisector: Bisector) -> None:
    sample = MiniTree.create(tmp_path / "sample")
    texts = [sample.files(sample.base), sample.files(sample.commit("mini: flip", hits={"exec-sigtrap": "OK"}))]
    tree = MiniTree(tmp_path / "sha256", base="")
    tree.path.mkdir()
    tree.git("init", "-q", "--object-format=sha256", "-b", "main")
    made = []
    for number, text in enumerate((texts[0], texts[0], texts[1], texts[1])):
        for name, said in (text | {"number": str(number)}).items():
            (tree.path / name).parent.mkdir(parents=True, exist_ok=True)
            (tree.path / name).write_text(said)
        tree.git("add", "-A")
        tree.git("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", f"mini: {number}")
        made.append(tree.git("rev-parse", "HEAD").strip())
    ran = bisector.start(tree.path, made[0], made[3], *ONCE)
    assert (ran.code, ran.culprit, len(made[2])) == (0, made[2], 64)


def test_packed_refs_of_the_user_say_the_same_to_the_byte(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(2, 1)
    tree.git("-c", "user.name=a", "-c", "user.email=a@example.org", "tag", "-a", "-m", "x", "annotated", ids[0])
    tree.git("update-ref", "refs/bisect/bad", ids[1])
    tree.git("pack-refs", "--all")
    packed = tree.path / ".git" / "packed-refs"
    before = packed.read_bytes(), stat.S_IMODE(packed.stat().st_mode)
    assert bisector.start(tree.path, tree.base, ids[1], *ONCE).culprit == ids[1]
    assert (packed.read_bytes(), stat.S_IMODE(packed.stat().st_mode)) == before


# -- terminals -----------------------------------------------------------------------------------------

# Everything that acts: C0, DEL, C1, bidirectional, invisible, separators, beyond the first plane.
ACTING = "".join(chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), 0xAD, 0x200B, *range(0x2028, 0x202F)))
ACTING += "\u2066\u2069\ufeff\ue000\U000e0041"


def acts(shown: str) -> set[str]:
    return {character for character in shown if character != "\n" and harmless.acts(character)}


def test_json_is_harmless_where_it_is_looked_at_raw_and_says_the_very_text() -> None:
    said = f"plain é 漢 😀 {ACTING}"
    line = events.encode(samples.started(samples.commit("0", said))).decode()
    assert acts(line) == set()
    assert json.loads(line)["old"]["subject"] == said
    assert "é 漢 😀" in line
    assert events.decode(line.encode()).old.subject == said  # type: ignore[union-attr]


def test_json_never_fails_on_a_text_that_utf_8_cannot_hold() -> None:
    line = events.encode(samples.started(samples.commit("0", "a\udcffb")))
    assert json.loads(line)["old"]["subject"] == "a\\udcffb"


def test_every_character_that_acts_is_written_by_its_number_in_json() -> None:
    every = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x110000))))
    shown = harmless.json(json.dumps(every, ensure_ascii=False))
    assert json.loads(shown) == every
    assert {unicodedata.category(character) for character in shown} & {
        "Cc",
        "Cf",
        "Cs",
        "Co",
        "Cn",
        "Zl",
        "Zp",
    } == set()


# -- readers under load --------------------------------------------------------------------------------

MIB = 1 << 20
# Made so that a pattern that tries again at every place would take hours.
FLOODS = {
    "frames begun": f"@bsct {NONCE} 1 ",
    "digits": f"@bsct {NONCE} " + "1" * 5000,
    "frames unsigned": f"@bsct {NONCE} 1 00000000 a",
    "payloads": f"@bsct {NONCE} 1 00000000 " + "a" * 5000,
    "signed": frame(1, "fact scenario=exec-sigtrap open=0"),
    "panics": "Kernel panic - not syncing: " + "0x1" * 9,
    "at signs": "@",
    "line ends": "\n",
    "hexadecimal": "0123456789abcdef",
    "NULs": "\0",
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "piece",
    [pytest.param(FLOODS[name], id=name, marks=LONG if name in ("panics", "line ends") else ()) for name in FLOODS],
)
def test_sixteen_megabytes_of_anything_are_read_in_time_that_grows_with_their_length(piece: str) -> None:
    text = piece * (16 * MIB // len(piece))
    assert sum(1 for _ in frames.frames(text, NONCE)) <= 1
    observation = probe.read(Transcript(text, Ending.PANICKED, 1.0, None, NONCE))
    assert [reading.scenario for reading in observation.readings] == ["boot"]


def test_a_scenario_whose_first_lines_were_lost_is_not_read_from_the_rest() -> None:
    boot = sound_boot()
    boot.scenario("watch-oasync", "open=0", "type=5 signo=5 code=1", LOOPING)
    whole = boot.complete()
    lost = [line for line in boot.signed if "watch-oasync" in line][:3]
    text = "".join(line for line in whole.text.splitlines(keepends=True) if line.strip() not in lost)
    said = [str(probe.read(replace(whole, text=said)).reading("watch-oasync").outcome) for said in (whole.text, text)]
    assert said == ["SPURIOUS(signal 5 code 1)", "NORUN(a line of it was lost)"]


@pytest.mark.timeout(300)
def test_a_kernel_that_took_the_nonce_fills_neither_memory_nor_report() -> None:
    said = [frame(0, f"begin release=x build_id={'a' * 40}"), frame(1, "start scenario=exec-sigtrap ms=1")]
    said += [frame(number, "fact scenario=exec-sigtrap open=0") for number in range(2, 100_000)]
    observation = probe.read(Transcript("\n".join(said), Ending.SILENT, 1.0, 0.1, NONCE))
    assert len(observation.reading("exec-sigtrap").lines) == probe.SHOWN


LONG_LINES = {
    "linkers": "ld" * 100_000 + ": " + "x" * MIB,
    "linkers that say nothing": "ld: " * 250_000,
    "places": "a:1:1:" * 150_000,
    "digits": "a:" + "1" * MIB,
    "spaces": "a:1:" + " " * MIB,
    "punctuation": ": No space left on device" * 20_000 + "!" * MIB + "x",
    "shells": "sh: " * 250_000 + "Kille",
    "quoted": " " * MIB + "|",
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("line", LONG_LINES.values(), ids=LONG_LINES)
def test_a_line_that_was_made_to_hold_the_reader_of_build_logs_does_not(line: str) -> None:
    end = "init/main.c:1:1: error: the reason"
    assert buildlog.because([line, end]) in (end, line.strip()[:300])
    assert not buildlog.skewed([line, end])
