"""Which files of a commit took part in a build? kbuild's own records of it -> Parts.

For everything that it makes kbuild writes a `.cmd` file beside it: the command, and the files that the compiler
read (`scripts/basic/fixdep.c`); `include/config/auto.conf.cmd` lists the Kconfig files. Makefiles leave no record,
but each directory that make went down into is there among the objects. Objects of earlier builds in the same
directory are counted with the rest: that is more than took part, never less.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from itertools import chain
from pathlib import Path

from bisector.host import files, sandbox

# A build of the tiny kernel leaves 1,000 records with 27 MB; what leaves much more than that is not asked.
RECORDS, BYTES, RECORD = 200_000, 1 << 30, 16 << 20
# Options are empty files here, one each; no sources have such names.
_OPTIONS = "include/config"
_KCONFIGS = "include/config/auto.conf.cmd"
# With IKHEADERS all headers are packed into the kernel (kernel/gen_kheaders.sh), and none of them is recorded.
_HEADERS = "kernel/kheaders_data.tar.xz"
_AUTO = b"\nCONFIG_LOCALVERSION_AUTO=y\n"
# What it lists: paths below the sources, over many lines.
_LISTED = re.compile(rb"^deps_config\s*:=((?:.*\\\n)*.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Parts:
    """`files`, `kconfigs`: paths of what was read; `places`: directories that make went down into, "" is the top."""

    files: frozenset[str]
    kconfigs: frozenset[str]
    places: frozenset[str]

    def encoded(self) -> bytes:
        """Return them as they are kept beside the kernel."""
        return json.dumps({name: sorted(paths) for name, paths in asdict(self).items()}).encode() + b"\n"

    @classmethod
    def decoded(cls, text: bytes) -> Parts:
        """Read what `encoded` wrote. Raises ValueError for anything else."""
        try:
            said = json.loads(text)
            return cls(*(frozenset(map(str, said[one.name])) for one in fields(cls)))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError("not a record of parts") from error


def of(tree: Path, objects: Path, also: str = "") -> Parts | None:
    """Return what took part in the builds that filled `objects` from `tree`; None if there is no whole record of it.

    Both were a stranger's to write: links and pipes are left alone, and what is out of all measure is not read.
    `also`: a list of dependencies that counts as a record.
    """
    # Absolute, or relative to the objects where ccache made it so. Patterns that begin with plain letters are found
    # six times faster than one for both.
    prefixes = (os.fsencode(tree), b"../" + os.fsencode(tree.name))
    named = [re.compile(re.escape(prefix) + rb"""/([^\s:;"'\\)$(]+)""") for prefix in prefixes]
    if os.path.lexists(objects / _HEADERS):
        return None
    found, kconfigs, places = set[bytes](), set[bytes](), set[str]()
    try:
        if _names_the_commit(objects):
            return None
        for name, record in chain(_listed(objects, also), _records(objects, places)):
            found.update(*(pattern.findall(record) for pattern in named))
            if name == _KCONFIGS and (listed := _LISTED.search(record)):
                kconfigs.update(listed[1].replace(b"\\\n", b" ").split())
    except (OSError, RecursionError):
        # RecursionError: directories in each other that no build of a kernel makes.
        return None
    parts = Parts(_there(tree, found), _there(tree, kconfigs), frozenset(places))
    return parts if parts.files and parts.kconfigs else None


def of_failed(tree: Path, objects: Path, failed: str, since: int) -> Parts | None:
    """Return what took part in a build that ended at an object; None if it is not known what its compiler read.

    `since`: ns, the build's begin. gcc lists what it read also where there are errors in it, but not where a file is
    missing, and clang never does; kbuild removes the list of what was made only.
    """
    place, _, name = failed.rpartition("/")
    listed = os.path.join(place, f".{name}.d")
    if sandbox.odd(objects, listed, RECORD) or not os.path.exists(objects / listed):
        return None
    if os.stat(objects / listed).st_mtime_ns < since:
        return None
    found = of(tree, objects, listed)
    # An assembler takes files in that no list names.
    return found if found is not None and f"{failed.removesuffix('.o')}.c" in found.files else None


def _listed(objects: Path, also: str) -> Iterator[tuple[str, bytes]]:
    if also:
        yield also, files.read(objects / also, RECORD)


def _names_the_commit(objects: Path) -> bool:
    """Tell whether git's HEAD comes into the kernel's release, and is no file that is read. Raises OSError."""
    name = f"{_OPTIONS}/auto.conf"
    if sandbox.odd(objects, name, RECORD):
        return True
    return os.path.exists(objects / name) and _AUTO in b"\n" + files.read(objects / name, RECORD)


def _there(tree: Path, found: Iterable[bytes]) -> frozenset[str]:
    """Return those that are files of the tree, by each of their names.

    git tells a file by its own path, a compiler by the link through which it came to it.
    """
    whole, top = os.fsencode(tree), os.fsencode(os.path.realpath(tree))
    here = [name for name in set(map(os.path.normpath, found)) if os.path.isfile(os.path.join(whole, name))]
    real = [os.path.relpath(os.path.realpath(os.path.join(whole, name)), top) for name in here]
    return frozenset(_printable(name) for name in (*here, *real) if not name.startswith((b"../", b"/")))


def _records(objects: Path, places: set[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of every record; put the directories into `places`. Raises OSError."""
    number = size = 0
    for place, below, names in os.walk(objects, onerror=_raise):
        within = os.path.relpath(place, objects)
        if within == _OPTIONS:
            below.clear()
        else:
            places.add("" if within == "." else _printable(os.fsencode(within)))
        for name in names:
            record = os.path.normpath(os.path.join(within, name))
            if record != _KCONFIGS and not (name.startswith(".") and name.endswith(".cmd")):
                continue
            if why := sandbox.odd(objects, record, RECORD):
                raise OSError(why)
            said = files.read(objects / record, RECORD)
            number, size = number + 1, size + len(said)
            if number > RECORDS or size > BYTES:
                raise OSError("more records than any build leaves")
            yield record, said


def _raise(error: OSError) -> None:
    raise error


def _printable(name: bytes) -> str:
    """Return a path as `Repository` tells it: bytes that are no UTF-8 as \\xNN."""
    return name.decode("utf-8", "backslashreplace")
