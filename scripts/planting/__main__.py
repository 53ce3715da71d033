"""Is a wrong commit ever named? Every kind of history, bisected by bisector and by people's script: one table."""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

import readme

from planting import plain
from planting.kinds import KINDS, Make, Planted
from tests.minitree import MiniTree

# Histories at a time.
LANES = 3
ENDINGS = ("right", "set", "refused", "wrong")


@dataclass(frozen=True)
class Told:
    """What one of the two said of a history: one of ENDINGS, or `failed`; what it cost; and its words."""

    ending: str
    builds: int
    boots: int
    words: str


def ours(repo: Path, planted: Planted, place: Path) -> Told:
    """Bisect with bisector, by its command line, with its defaults."""
    argv = [sys.executable, "-m", "bisector", "start", "--json", "--state", str(place), "--repo", str(repo)]
    argv += ["--old", planted.old, "--new", planted.new, "--jobs", "1"]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    steps = [line["step"] for line in lines if line.get("event") == "step"]
    builds, boots = (
        sum(step["seconds"]["build"] > 0 for step in steps),
        sum(bool(step["observation"]) for step in steps),
    )
    made = next((line["conclusion"] for line in lines if line.get("event") == "conclusion"), None)
    if made is None:
        # Ends that are refused before anything is built are refused; whatever else stops it is a failure.
        return Told("refused" if done.returncode == 2 else "failed", builds, boots, done.stderr[-400:])
    named = made["culprit"]["id"] if made["culprit"] else None
    among = [one["commit"]["id"] for one in made["candidates"]] if made["kind"] == "among" else []
    return Told(_ending(planted, named, among), builds, boots, f"{made['kind']}: {made['because']}")


def theirs(repo: Path, planted: Planted, place: Path) -> Told:
    """Bisect as people do."""
    said = plain.bisect(repo, planted, place)
    ending = _ending(planted, said.named, said.among)
    return Told(ending, said.builds, said.boots, f"{said.named} {len(said.among)}")


def _ending(planted: Planted, named: str | None, among: Sequence[str] | frozenset[str]) -> str:
    if named is not None:
        return "right" if named in planted.right else "wrong"
    if among:
        return "set" if planted.right & set(among) else "wrong"
    return "refused"


def bisected(job: tuple[str, int, Make, int], home: Path) -> tuple[str, Told, Told]:
    """Write a history and let both bisect it."""
    kind, number, make, seed = job
    place = home / f"{kind.replace(' ', '-').replace(',', '')}-{number}"
    tree = MiniTree.create(place / "linux")
    planted = make(tree, Random(f"{seed} {kind} {number}"))
    started = time.monotonic()
    told = ours(tree.path, planted, place / "state"), theirs(tree.path, planted, place / "people")
    if told[0].ending in ("right", "set", "refused"):
        shutil.rmtree(place)
    print(
        f"{kind} {number}: {told[0].ending} ({told[0].builds} builds, {told[0].boots} boots; {told[0].words[:150]}); "
        f"people: {told[1].ending}; {time.monotonic() - started:.0f} s",
        file=sys.stderr,
        flush=True,
    )
    return kind, *told


def table(done: Sequence[tuple[str, Told, Told]]) -> list[str]:
    """Return a row for each kind and one for all."""
    head = ["history", "how many", "bisector: right and certified", "honest set", "honest refusal", "wrong"]
    head += ["builds", "boots", "people's script: right", "set", "refusal", "wrong", "builds", "boots"]
    kinds = list(dict.fromkeys(kind for kind, *_ in done))
    rows = [_row(kind, [one for one in done if one[0] == kind]) for kind in kinds]
    rows.append(_row("all", done))
    return [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows)]


def _row(what: str, done: Sequence[tuple[str, Told, Told]]) -> list[str]:
    row = [what, str(len(done))]
    for which in (1, 2):
        said = [one[which] for one in done]
        assert all(isinstance(one, Told) for one in said)
        told = [one for one in said if isinstance(one, Told)]
        row += [str(sum(one.ending == ending for one in told)) for ending in ENDINGS]
        row += [
            f"{sum(one.builds for one in told) / len(told):.1f}",
            f"{sum(one.boots for one in told) / len(told):.1f}",
        ]
    return row


def main() -> int:
    """Run all histories and print the table; return 1 if bisector named a wrong commit, or failed."""
    parser = argparse.ArgumentParser(prog="scripts/corpus", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="repeat the choices of an earlier run")
    parser.add_argument("--only", default="", metavar="KIND;KIND", help=f"of: {'; '.join(KINDS)}")
    parser.add_argument(
        "--share", type=int, default=100, metavar="PERCENT", help="of each kind's histories, at least one"
    )
    parser.add_argument("--keep", type=Path, default=None, metavar="DIR", help="where what went wrong is kept")
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    asked = parser.parse_args()
    if unknown := set(filter(None, asked.only.split(";"))) - KINDS.keys():
        parser.error(f"no such kinds, of those that ';' parts: {', '.join(sorted(unknown))}")
    seed = asked.seed if asked.seed is not None else secrets.randbelow(1_000_000)
    print(f"seed {seed}", file=sys.stderr)
    chosen = [kind for kind in KINDS if not asked.only or kind in asked.only.split(";")]
    jobs = [
        (kind, number, KINDS[kind][1][number % len(KINDS[kind][1])], seed)
        for kind in chosen
        for number in range(max(1, KINDS[kind][0] * asked.share // 100))
    ]
    home = asked.keep or Path(tempfile.mkdtemp(prefix="bisector-corpus-"))
    with ThreadPoolExecutor(LANES) as lanes:
        done = list(lanes.map(lambda job: bisected(job, home), jobs))
    failed = [told.words for _, told, _ in done if told.ending == "failed"]
    lines = [
        f"`scripts/corpus --seed {seed}`: {len(done)} histories of 20 to 200 commits, bisected with the defaults; "
        f"builds and boots are means. Failed: {len(failed)}.",
        "",
        *table(done),
    ]
    if asked.write:
        readme.put("corpus", "\n".join(lines))
    print("\n".join([*lines, *failed]))
    return int(bool(failed) or any(told.ending == "wrong" for _, told, _ in done))


if __name__ == "__main__":
    sys.exit(main())
