"""Which history does a test need?  A real git repository of the mini kernel, made to order.

    tree = MiniTree.create(tmp_path / "linux")
    ids = tree.story(30, flip_at=17)                 # exec-sigtrap: STUCK before, OK from ids[17] on
    tree.commit("mini: never boots", mode="PANIC_BOOT")
    side = tree.commit("mini: a side", parents=[ids[3]], branch="side", hits={"exec-sigtrap": "DUP"})
    tree.commit("Merge branch 'side'", parents=[ids[-1], side])

Commits are written with `git fast-import`, without index or working tree: a story of 30 takes some
ten milliseconds. Names and dates are fixed, so the same calls give the same commit ids everywhere.
HEAD stays detached on the first commit (`tree.base`), whatever is added: the working tree is clean.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self, TypedDict, Unpack

SOURCE = Path(__file__).with_name("minikernel")
AUTHOR = "A Developer <developer@example.org>"
FIRST_DATE = 1_700_000_000

Break = Literal["compile", "header", "link"]
Neutral = Literal["document", "comment", "string"]

# What breaks the build: file, sound text, broken text.
BREAKS: dict[Break, tuple[str, str, str]] = {
    "compile": ("init/main.c", "\tsize_t size = 0;\n", "\tsize_t size = ;\n"),
    "header": (
        "include/kernel.h",
        "\nuint32_t crc32(const char *text);",
        "\nuint33_t crc32(const char *text);",
    ),
    "link": ("lib/lib.c", "\nuint32_t crc32(const char *text)\n", "\nuint32_t crc32_le(const char *text)\n"),
}


class Edits(TypedDict, total=False):
    """What one commit changes; everything else stays as in its first parent."""

    mode: str
    """MODE of behaviour.h: `PANIC_BOOT`, `SILENT_DURING("exec-sigtrap")`."""
    hits: Mapping[str, str]
    """Scenario to outcome: `{"exec-sigtrap": "OK", "step-svc": "HUNG"}`."""
    facts: Mapping[str, str]
    """Scenario to what it says, a line for each part: `{"step-regset": "open=0;stops=site+4/5/2"}`."""
    flake: tuple[int, str, str]
    """Percent of the boots, scenario, outcome."""
    left: bool
    right: bool
    """Two switches; the outcome `TOGETHER` is OK where both are on, else STUCK."""
    breaks: Break
    mends: bool
    """Undo every break."""
    drops: Sequence[str]
    """Symbols to take out of Kconfig, without CONFIG_."""
    restores: Sequence[str]
    """Symbols to put back."""
    neutral: Neutral
    """A change of no consequence: to a file that is not built, to a comment, to the banner."""
    files: Mapping[str, str | None]
    """Whole files: content, or None to delete. Applied last."""


Files = dict[str, str]


class MergeConflictError(Exception):
    """The parents cannot be merged by git alone; the text is git's."""


@dataclass
class _Plan:
    """A commit that is still to be written. Parents are ids, or `:N` for the N-th of this batch."""

    subject: str
    branch: str
    parents: Sequence[str]
    before: Files
    after: Files


@dataclass
class MiniTree:
    """A git repository of mini kernels. Commits go to `branch`, whose tip is the default parent."""

    path: Path
    base: str
    _tips: dict[str, str] = field(default_factory=dict)
    _files: dict[str, Files] = field(default_factory=dict)
    _count: int = 0

    @classmethod
    def create(cls, path: Path, **edits: Unpack[Edits]) -> Self:
        """Make a repository at `path` whose first commit is tests/minikernel, with `edits`."""
        path.mkdir(parents=True)
        tree = cls(path, base="")
        tree.git("init", "-q", "--template=", "-b", "main")
        tree.git("config", "gc.auto", "0")
        found = sorted(file for file in SOURCE.rglob("*") if file.is_file())
        files = {str(file.relative_to(SOURCE)): file.read_text() for file in found}
        first = _Plan("mini: first version", "main", [], {}, _edited(files, "first", edits))
        [tree.base] = tree._write([first])
        tree.git("checkout", "-q", "--detach", tree.base)
        return tree

    def commit(
        self,
        subject: str,
        *,
        parents: Sequence[str] | None = None,
        branch: str = "main",
        **edits: Unpack[Edits],
    ) -> str:
        """Add a commit to `branch` and give its id.

        Two parents are merged as git merges them (MergeConflictError if it cannot), then edited. More
        than two: the first one's files, edited.
        """
        if parents is None:
            parents = [self._tips[branch]]
        before = self.files(parents[0]) if parents else {}
        merged = self._merged(parents[0], parents[1]) if len(parents) == 2 else before
        plan = _Plan(subject, branch, parents, before, _edited(merged, subject, edits))
        return self._write([plan])[0]

    def story(
        self,
        n: int,
        flip_at: int,
        *,
        scenario: str = "exec-sigtrap",
        new: str = "OK",
        branch: str = "main",
        edits: Mapping[int, Edits] | None = None,
    ) -> list[str]:
        """Add `n` commits in a line; from index `flip_at` on, `scenario` shows `new`.

        The others are neutral, but for those in `edits` (index to edits).
        """
        plans: list[_Plan] = []
        parent = self._tips[branch]
        files = self.files(parent)
        kinds: tuple[Neutral, ...] = ("string", "comment", "document")
        for i in range(n):
            edit: Edits = {"hits": {scenario: new}} if i == flip_at else {"neutral": kinds[i % 3]}
            subject = f"mini: change {i} of {n}"
            after = _edited(files, subject, (edits or {}).get(i, edit))
            plans.append(_Plan(subject, branch, [parent], files, after))
            parent, files = f":{i + 1}", after
        return self._write(plans)

    def files(self, commit: str) -> Files:
        """Give the files of a commit as text."""
        if commit not in self._files:
            self._files[commit] = self._read(commit)
        return self._files[commit]

    def checkout(self, revision: str = "main") -> None:
        """Put a revision into the working tree; HEAD goes to the branch if it is one."""
        self.git("checkout", "-q", "-f", revision)

    def git(self, *words: str, stdin: bytes = b"") -> str:
        """Run git here, deaf to the user's settings; give what it printed."""
        environ = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        environ |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
        argv = ["git", "-C", str(self.path), *words]
        return subprocess.run(argv, input=stdin, env=environ, check=True, capture_output=True).stdout.decode()

    def _merged(self, ours: str, theirs: str) -> Files:
        try:
            tree = self.git("merge-tree", "--write-tree", "--allow-unrelated-histories", ours, theirs)
        except subprocess.CalledProcessError as error:
            raise MergeConflictError(error.stdout.decode()) from error
        return self._read(tree.strip())

    def _read(self, tree: str) -> Files:
        names = self.git("ls-tree", "-r", "--name-only", tree).splitlines()
        return {name: self.git("cat-file", "blob", f"{tree}:{name}") for name in names}

    def _write(self, plans: Sequence[_Plan]) -> list[str]:
        """Write commits in one go; the marks of the stream are 1, 2, ... in their order."""
        stream = "".join(part for mark, plan in enumerate(plans, 1) for part in self._stream(plan, mark))
        ids = self.git("fast-import", "--quiet", "--force", "--done", stdin=(stream + "done\n").encode()).split()
        for plan, commit in zip(plans, ids, strict=True):
            self._files[commit] = plan.after
            self._tips[plan.branch] = commit
        return ids

    def _stream(self, plan: _Plan, mark: int) -> Iterator[str]:
        date = FIRST_DATE + 60 * self._count
        self._count += 1
        if not plan.parents:
            yield f"reset refs/heads/{plan.branch}\n"
        yield f"commit refs/heads/{plan.branch}\nmark :{mark}\n"
        yield f"author {AUTHOR} {date} +0000\ncommitter {AUTHOR} {date} +0000\n{_data(plan.subject)}"
        for word, parent in zip(["from"] + ["merge"] * len(plan.parents), plan.parents, strict=False):
            yield f"{word} {parent}\n"
        for name in plan.before.keys() - plan.after.keys():
            yield f"D {name}\n"
        for name, text in plan.after.items():
            if plan.before.get(name) != text:
                yield f"M 100644 inline {name}\n{_data(text)}"
        yield f"\nget-mark :{mark}\n"


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"


def _edited(files: Files, subject: str, edits: Edits) -> Files:
    """Give the files of a commit: its parent's, edited."""
    files = dict(files)
    if "behaviour.h" in files:
        files["behaviour.h"] = _behaviour(files["behaviour.h"], edits)
    if edits.get("mends"):
        for name, sound, broken in BREAKS.values():
            files[name] = files[name].replace(broken, sound)
    if "breaks" in edits:
        name, sound, broken = BREAKS[edits["breaks"]]
        files[name] = _once(files[name], re.escape(sound), broken)
    if "Kconfig" in files:
        files["Kconfig"] = _kconfig(files["Kconfig"], edits)
    if "neutral" in edits:
        files |= _neutral(files, subject, edits["neutral"])
    for name, text in edits.get("files", {}).items():
        if text is None:
            del files[name]
        else:
            files[name] = text
    return files


def _neutral(files: Files, subject: str, kind: Neutral) -> Files:
    """Give the file that makes a commit different without making the kernel behave so."""
    words = " ".join(re.findall(r"[a-z0-9]+", subject.lower()))
    match kind:
        case "document":
            return {f"Documentation/{words.replace(' ', '-')}.txt": subject + "\n"}
        case "comment":
            note = f"/* Note: {words} */\n"
            return {"lib/lib.c": re.sub(r"(/\* Note: .*\n)?\Z", note, files["lib/lib.c"], count=1)}
        case "string":
            return {"init/version.c": _define(files["init/version.c"], "TITLE", f'"{words}"')}


def _kconfig(text: str, edits: Edits) -> str:
    for symbol in edits.get("drops", ()):
        text = _once(text, rf"\nconfig {symbol}\n(\t.*\n)+", "")
    for symbol in edits.get("restores", ()):
        text += _found((SOURCE / "Kconfig").read_text(), rf"\nconfig {symbol}\n(\t.*\n)+")
    return text


def _behaviour(text: str, edits: Edits) -> str:
    if "mode" in edits:
        text = _define(text, "MODE", edits["mode"])
    if "flake" in edits:
        percent, scenario, outcome = edits["flake"]
        text = _define(text, "FLAKE_PERCENT", str(percent))
        text = _define(text, "FLAKE_SCENARIO", f'"{scenario}"')
        text = _define(text, "FLAKE_OUTCOME", outcome)
    if "left" in edits:
        text = _define(text, "LEFT", str(int(edits["left"])))
    if "right" in edits:
        text = _define(text, "RIGHT", str(int(edits["right"])))
    for name, outcome in edits.get("hits", {}).items():
        text = _once(text, rf'(?<=\("){name}", \w+', f'{name}", {outcome}')
    for name, facts in edits.get("facts", {}).items():
        text = _once(text, rf'\w+\("{name}", (.|\n)*?\),\n', f'FACTS("{name}", OK, "{facts}"),\n')
    return text


def _define(text: str, name: str, value: str) -> str:
    return _once(text, rf"(?m)^#define {name} .*", f"#define {name} {value}")


def _once(text: str, pattern: str, new: str) -> str:
    """Replace what must be there exactly once."""
    _found(text, pattern)
    return re.sub(pattern, lambda _: new, text)


def _found(text: str, pattern: str) -> str:
    places = list(re.finditer(pattern, text))
    if len(places) != 1:
        raise ValueError(f"{pattern!r} is there {len(places)} times, not once")
    return places[0].group()
