"""What does bisector cost, beside those that do the same work? A table for each part."""

from __future__ import annotations

import argparse
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from random import Random

import readme

from benching import (
    beside,
    boots,
    choosing,
    clean,
    commands,
    compiling,
    defconfig,
    demo,
    growth,
    kernels,
    lines,
    nearby,
    options,
    pairs,
    parts,
    virtme,
)
from bisector.host import process


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument(
        "--only",
        default="",
        metavar="PART,PART",
        help="of: demo, defconfig, clean, options, lines, compiling, pairs, parts, commands, boots, virtme, beside, "
        "kernels, nearby, choosing, growth",
    )
    parser.add_argument("--histories", type=int, default=3, help="of 2,000 commits of each kind (default: 3)")
    parser.add_argument("--seed", type=int, default=None, help="repeat the histories of an earlier run")
    parser.add_argument("--longest", action="store_true", help=f"measure growth to {growth.LONGEST:,} commits")
    parser.add_argument("--plot", type=Path, default=None, help="draw the growth, as PNG or SVG")
    parser.add_argument("--write", action="store_true", help="put the tables that have a place there into README.md")
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else secrets.randbelow(1_000_000)
    sizes = (*growth.SIZES, *([growth.LONGEST] if asked.longest else []))
    tables: dict[str, Callable[[], list[str]]] = {
        "demo": demo.rows,
        "defconfig": defconfig.rows,
        "clean": clean.rows,
        "options": options.rows,
        "lines": lines.rows,
        "compiling": compiling.rows,
        "pairs": pairs.rows,
        "parts": parts.rows,
        "commands": commands.rows,
        "boots": boots.rows,
        "virtme": virtme.rows,
        "beside": beside.rows,
        "kernels": lambda: kernels.rows(asked.histories, Random(seed)),
        "nearby": lambda: nearby.rows(Random(seed)),
        "choosing": lambda: choosing.rows(Random(seed)),
        "growth": lambda: growth.rows(sizes, asked.plot),
    }
    qemu = process.output(["qemu-system-aarch64", "--version"]).splitlines()[0]
    for name in asked.only.split(",") if asked.only else tables:
        words = f"scripts/bench --only {name}" + (
            f" --seed {seed}" if name in ("kernels", "nearby", "choosing") else ""
        )
        words += " --longest" if asked.longest and name == "growth" else ""
        table = ["| what | bisector | bare programs | beside them |", "|---|---|---|---|", *tables[name](), ""]
        table.append(f"`{words}`, on {os.cpu_count()} CPUs, {qemu}.")
        if asked.write and readme.has(f"bench --only {name}"):
            readme.put(f"bench --only {name}", "\n".join(table))
        print("\n".join([*table, ""]), flush=True)


if __name__ == "__main__":
    main()
