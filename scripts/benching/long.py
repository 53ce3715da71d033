"""Which long histories are measured? Of the mini kernel, written by `git fast-import`, with one change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from simulating import histories

from tests.minitree import AUTHOR, FIRST_DATE, MiniTree


@dataclass(frozen=True)
class Long:
    """A history: its repository, its ends, the commit that made the change, and how many commits touch the build."""

    repo: Path
    old: str
    new: str
    culprit: str
    touching: int


# Where the headers of the build are, and those of commits that a maintainer would look at first.
PARTS, LIKELY = "include/part", "include/likely"
# The file by which the one change is made.
CHANGED = "behaviour.h"


def shaped(place: Path, size: int, share: float, chance: Random, likely: int = 0) -> Long:
    """Write a history with the shape of a maintainer's tree, of which this share of commits touches the build.

    Each of these changes a header of its own, which one compiled file includes; all others change a text. Of so many
    the header is in `LIKELY`.
    """
    shape = histories.graph(size, chance)
    ids = shape.within.ids
    above = [[shape.within.place[one] for one in shape.parents[commit] if one in shape.within] for commit in ids]
    plain = [place for place, parents in enumerate(above) if len(parents) < 2]
    touching = sorted(chance.sample(plain, max(1, round(size * share))))
    flip = chance.choice(touching)
    others = [at for at in touching if at != flip]
    return _written(place, above, touching, flip, chance.sample(others, min(likely, len(others))))


def line(place: Path, size: int) -> Long:
    """Write a line of commits of which all but one change a text."""
    return _written(place, [[at - 1] if at else [] for at in range(size)], [size * 3 // 5], size * 3 // 5)


def _written(
    place: Path, above: Sequence[Sequence[int]], touching: Sequence[int], flip: int, likely: Sequence[int] = ()
) -> Long:
    headers = {at: f"{LIKELY if at in likely else PARTS}/{at}.h" for at in touching if at != flip}
    includes = "".join(f'#include "{path.removeprefix("include/")}"\n' for path in headers.values())
    tree = MiniTree.create(place)
    source = tree.files(tree.base)["lib/firmware.c"]
    base = tree.commit(
        "mini: parts", files={"lib/firmware.c": includes + source} | dict.fromkeys(headers.values(), "\n")
    )
    shows = tree.commit("mini: shows it", parents=[base], branch="shows", hits={"exec-sigtrap": "OK"})
    stream = _stream(base, above, headers, flip, tree.files(shows)[CHANGED])
    tree.git("fast-import", "--quiet", "--force", "--done", stdin="".join(stream).encode())
    # As git gc leaves every repository.
    tree.git("commit-graph", "write", "--reachable")
    wanted = tree.git("rev-parse", "refs/heads/long", "refs/heads/flip").split()
    return Long(place, base, wanted[0], wanted[1], len(touching))


def _stream(
    base: str, above: Sequence[Sequence[int]], headers: dict[int, str], flip: int, behaviour: str
) -> Iterator[str]:
    """Yield the stream of all commits. What a merge has of its other parents is written out."""
    changed: list[frozenset[int]] = []
    merges = any(len(parents) > 1 for parents in above)
    for at, parents in enumerate(above):
        date, mine = FIRST_DATE + 60 * at, frozenset[int]()
        yield f"commit refs/heads/long\nmark :{at + 1}\nauthor {AUTHOR} {date} +0000\n"
        yield f"committer {AUTHOR} {date} +0000\ndata <<.\nmini: change {at}\n.\n"
        for word, parent in zip(["from", *["merge"] * 8], parents or [-1], strict=False):
            yield f"{word} {base if parent < 0 else f':{parent + 1}'}\n"
        if merges:
            # A long line is not followed: only a merge asks what its sides have changed.
            first = changed[parents[0]] if parents else frozenset[int]()
            mine = first.union(*(changed[parent] for parent in parents))
            yield from (_change(other, headers, flip, behaviour) for other in sorted(mine - first))
            changed.append(mine | {at} if len(parents) < 2 else mine)
        if len(parents) < 2:
            yield _change(at, headers, flip, behaviour)
        yield "\n"
    yield f"reset refs/heads/flip\nfrom :{flip + 1}\n\ndone\n"


def _change(at: int, headers: dict[int, str], flip: int, behaviour: str) -> str:
    if at == flip:
        path, text = CHANGED, behaviour
    elif at in headers:
        path, text = headers[at], f"/* changed at {at} */\n"
    else:
        # In directories, as the kernel's are: git writes a changed one anew, with all that it has.
        path, text = f"Documentation/{at % 30}/{at // 30 % 30}.txt", f"changed at {at}\n"
    return f"M 100644 inline {path}\ndata {len(text.encode())}\n{text}\n"
