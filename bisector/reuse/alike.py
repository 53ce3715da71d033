"""Can these two commits make different kernels? What changed, and what took part -> a path, or none. (pure)

Wherever it is in doubt the answer is that they can: a build more costs time, a wrong verdict costs the answer. What
is inherited by this rule is certified by builds and boots like every other answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

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


def mattering(parts: Parts, changes: Mapping[str, bool], arch: str) -> str:
    """Return the first changed path that may make another kernel, "" if there is none.

    `parts`: of a build of one of the two commits. `changes`: the paths in which they differ, and of each whether it
    came, went or became another kind of file. `arch`: as make calls it.
    """
    names = {PurePosixPath(path).name for path in parts.files}
    homes = {_place(PurePosixPath(path)) for path in parts.files}
    always, appearing = ([place.format(arch=arch) for place in places] for places in (_ALWAYS, _APPEARING))
    for changed, appeared in changes.items():
        path = PurePosixPath(changed)
        place = _place(path)
        if (
            changed in parts.files
            or changed in parts.kconfigs
            or path.name == ".gitattributes"  # decides what a checkout writes
            or changed.startswith(tuple(always))
            or (changed.endswith(".config") and "configs" in path.parts)  # tinyconfig is made of some
            or (path.name in ("Kbuild", "Makefile") and place.startswith("include"))
            # It may be found in place of another one, or by a wildcard, or not be found any more.
            or (appeared and (path.name in names or place in homes or changed.startswith(tuple(appearing))))
            or (place in parts.places | homes and _unrecorded(path, place))
        ):
            return changed
    return ""


def _place(path: PurePosixPath) -> str:
    return "" if path.parent == PurePosixPath() else str(path.parent)


def _unrecorded(path: PurePosixPath, place: str) -> bool:
    return not (path.name.endswith(_RECORDED) or (place == "" and path.name in _OF_PEOPLE))
