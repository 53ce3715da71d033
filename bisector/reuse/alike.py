"""Can these two commits make different kernels? What changed, and what took part -> a path, or none. (pure)

Wherever it is in doubt the answer is that they can: a build more costs time, a wrong verdict costs the answer. What
is inherited by this rule is certified by builds and boots like every other answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from bisector.reuse.parts import Parts

# Where a file may count without a record: read by scripts, by `wildcard`, or before another one on the search path.
_ALWAYS = ("scripts/", "arch/{arch}/include/", "arch/{arch}/tools/")
_APPEARING = ("include/", *_ALWAYS)
# A compiler's or a person's texts: these count if a record names them. All else (Makefiles, lists, scripts, linker
# and bc programs) counts in every directory that make went down into, for make may have read it by itself.
_RECORDED = (".c", ".h", ".S", ".rs", ".dts", ".dtsi", ".dtso", ".rst", ".txt", ".md", ".yaml", ".gitignore")
# At the top of the tree, beside Makefile, Kbuild and Kconfig: nothing of a build's.
_OF_PEOPLE = {"COPYING", "CREDITS", "MAINTAINERS", "README", ".clang-format", ".cocciconfig", ".editorconfig"}
_OF_PEOPLE |= {".get_maintainer.ignore", ".gitignore", ".mailmap", ".rustfmt.toml"}


@dataclass(frozen=True, slots=True)
class Differing:
    """Which commits can make another kernel than their parent.

    `looked_at`: whether each of those can. `suspected`: those that can, by a change of a suspected path.
    """

    looked_at: Mapping[str, bool]
    suspected: frozenset[str]

    def able(self) -> set[str]:
        """Return those that can."""
        return {commit for commit, can in self.looked_at.items() if can}


class Paths:
    """Files and directories of a tree; "" is all of it."""

    def __init__(self, paths: Collection[str]) -> None:
        self._all = "" in paths
        self._exact, self._below = frozenset(paths), tuple(f"{path}/" for path in paths)

    def __contains__(self, path: str) -> bool:
        return self._all or path in self._exact or path.startswith(self._below)


class Selection:
    """The paths that matter to one build's kernel. `arch`: as make calls it."""

    def __init__(self, parts: Parts, arch: str) -> None:
        self._read = parts.files | parts.kconfigs
        self._names = {path.rpartition("/")[2] for path in parts.files}
        self._homes = {path.rpartition("/")[0] for path in parts.files}
        self._places = parts.places | self._homes
        self._tools = any(place == "tools" or place.startswith("tools/") for place in parts.places)
        self._always, self._appearing = (
            tuple(place.format(arch=arch) for place in places) for places in (_ALWAYS, _APPEARING)
        )

    def reads(self, path: str) -> bool:
        """Tell whether what stands in this file matters."""
        if path in self._read or path.startswith(self._always):
            return True
        place, _, name = path.rpartition("/")
        return (
            name == ".gitattributes"  # decides what a checkout writes
            or name.endswith(".hex")  # net/wireless/certs: packed without a record
            or (path.startswith("tools/") and self._tools)  # tools/build names its files by other paths
            or (name.endswith(".config") and place.rpartition("/")[2] == "configs")  # tinyconfig is made of some
            or (name in ("Kbuild", "Makefile") and place.startswith("include"))
            or (place in self._places and not name.endswith(_RECORDED) and not (not place and name in _OF_PEOPLE))
        )

    def minds(self, path: str) -> bool:
        """Tell whether it matters that there is such a file at all.

        It may be found in place of another one, or by a wildcard, or not be found any more.
        """
        place, _, name = path.rpartition("/")
        return name in self._names or place in self._homes or path.startswith(self._appearing)

    def matters(self, path: str, appeared: bool) -> bool:
        """Tell whether a change of this file does; `appeared`: it came, went or became another kind of file."""
        return self.reads(path) or (appeared and self.minds(path))

    def differing(
        self, touched: Iterable[tuple[str, Mapping[str, bool]]], suspects: Collection[str] = ()
    ) -> Differing:
        """Tell which commits, told with what each changed, can make another kernel; and which of them are suspected.

        `suspects`: files and directories; "" is all of the tree. Where all commits that can are suspected none is.
        """
        within, found, suspected = Paths(suspects), dict[str, bool](), set[str]()
        for commit, changes in touched:
            counting = [path for path, appeared in changes.items() if self.matters(path, appeared)]
            found[commit] = bool(counting)
            if any(path in within for path in counting):
                suspected.add(commit)
        some = len(suspected) < sum(found.values())
        return Differing(found, frozenset(suspected) if some else frozenset())

    def read(self, listing: Mapping[str, str]) -> str:
        """Return what is the same, at least, for two commits with the same key, and takes a hundredth of its time."""
        return hashlib.sha256("\0".join(listing.get(path, "") for path in sorted(self._read)).encode()).hexdigest()

    def key(self, listing: Mapping[str, str]) -> str:
        """Return what is the same for two commits if, and only if, they differ in nothing that matters: SHA-256, hex.

        `listing`: mode and content of each path, as `trees.listing` gives them.
        """
        made = hashlib.sha256()
        for path, content in sorted(listing.items()):
            if self.reads(path):
                made.update(f"{content} {path}\0".encode())
            elif self.minds(path):
                # The kind of file only: "100" for both modes of a plain one.
                made.update(f"{content[:3]} {path}\0".encode())
        return made.hexdigest()


def configuring(parts: Parts, changes: Mapping[str, bool], arch: str) -> str:
    """Return the first changed path that may make another configuration of the same options, "" if there is none.

    Kconfig reads its files, and asks scripts, which ask the compiler; make comes to it by the Makefiles of the top
    and of the architecture. What a script looks for may be any file that comes or goes.
    """
    read = parts.kconfigs
    places = ("scripts/", "tools/", f"arch/{arch}/tools/", "include/config/", ".gitattributes")
    arch_files = tuple(f"arch/{arch}/{name}" for name in ("Makefile", "Kbuild", "Kconfig"))

    def may(path: str, appeared: bool) -> bool:
        place, _, name = path.rpartition("/")
        return (
            appeared
            or path in read
            or path.startswith((*places, *arch_files))
            or name.endswith((".config", "defconfig", ".gitattributes"))
            or (not place and name not in _OF_PEOPLE and not name.endswith(_RECORDED))
        )

    return next((path for path, appeared in changes.items() if may(path, appeared)), "")


def mattering(parts: Parts, changes: Mapping[str, bool], arch: str) -> str:
    """Return the first changed path that may make another kernel, "" if there is none.

    `parts`: of a build of one of the two commits. `changes`: the paths in which they differ, and of each whether it
    came, went or became another kind of file.
    """
    selection = Selection(parts, arch)
    return next((path for path, appeared in changes.items() if selection.matters(path, appeared)), "")
