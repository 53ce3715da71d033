"""Does a bisection survive whatever happens to it? The campaigns, one after the other, and one table of figures."""

from __future__ import annotations

import argparse
import os
import secrets
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import readme

from bisector.host.gitconfig import forget_callers_git
from torturing import faults, interrupts, kills, load, parallel, processes
from torturing.campaign import Campaign


@dataclass(frozen=True)
class Sizes:
    """How much of each campaign is run."""

    kills: int
    interrupts: int
    repeats: int
    rounds: int
    faults: int


FULL, QUICK = Sizes(200, 20, 50, 20, 20), Sizes(12, 3, 2, 1, 2)


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/torture", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a little of everything, in some 90 seconds (CI)")
    parser.add_argument("--seed", type=int, default=None, help="repeat the choices of an earlier run")
    parser.add_argument("--kills", type=int, default=None, metavar="N", help=f"kills (default: {FULL.kills})")
    parser.add_argument("--interrupts", type=int, default=None, metavar="N")
    parser.add_argument("--repeats", type=int, default=None, metavar="N", help="boots of each outcome under load")
    parser.add_argument("--outcomes", default="", metavar="A,B", help="under load, these only")
    parser.add_argument("--kernel", nargs=2, default=None, metavar=("REPO", "REV"), help="boot it under load as well")
    parser.add_argument("--rounds", type=int, default=None, metavar="N", help="rounds of four parallel sessions")
    parser.add_argument("--faults", type=int, default=None, metavar="N", help="sessions with failing programs")
    parser.add_argument("--only", default=",".join(CAMPAIGNS), metavar="A,B", help=f"of {','.join(CAMPAIGNS)}")
    parser.add_argument("--home", type=Path, default=None, help="where the sessions live (default: below TMPDIR)")
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    chosen = parser.parse_args(words)
    if unknown := set(chosen.only.split(",")) - CAMPAIGNS.keys():
        parser.error(f"--only knows {', '.join(CAMPAIGNS)}, not {', '.join(sorted(unknown))}")
    if chosen.home and any((chosen.home / name).exists() for name in chosen.only.split(",")):
        parser.error(f"{chosen.home} holds an earlier run: name a new directory, or remove it")
    base = QUICK if chosen.quick else FULL
    for name in ("kills", "interrupts", "repeats", "rounds", "faults"):
        if getattr(chosen, name) is None:
            setattr(chosen, name, getattr(base, name))
    chosen.seed = secrets.randbelow(1_000_000) if chosen.seed is None else chosen.seed
    return chosen


def same_line_resumes() -> bool:
    """Tell whether `bisector start` with the same words goes on with the session that they began."""
    argv = [sys.executable, "-m", "bisector", "start", "--help"]
    return "--new-session" in subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def _kills(campaign: Campaign, chosen: argparse.Namespace) -> None:
    kills.run(campaign, chosen.kills, same_line=same_line_resumes())


def _interrupts(campaign: Campaign, chosen: argparse.Namespace) -> None:
    interrupts.run(campaign, chosen.interrupts, same_line=same_line_resumes())


def _load(campaign: Campaign, chosen: argparse.Namespace) -> None:
    load.run(
        campaign, chosen.repeats, quick=chosen.quick, names=chosen.outcomes.split(",") if chosen.outcomes else ()
    )
    if chosen.kernel:
        load.real(campaign, Path(chosen.kernel[0]), chosen.kernel[1])


def _parallel(campaign: Campaign, chosen: argparse.Namespace) -> None:
    parallel.run(campaign, chosen.rounds, same_line=same_line_resumes())


def _faults(campaign: Campaign, chosen: argparse.Namespace) -> None:
    faults.run(campaign, chosen.faults, same_line=same_line_resumes())


CAMPAIGNS: dict[str, Callable[[Campaign, argparse.Namespace], None]] = {
    "kills": _kills,
    "interrupts": _interrupts,
    load.NAME: _load,
    "parallel": _parallel,
    "faults": _faults,
}


def rows(campaign: Campaign, chosen: argparse.Namespace) -> list[str]:
    """Return the campaign's rows of the table: how it was run, what was measured, what was wrong."""
    words = ["scripts/torture", *(["--quick"] if chosen.quick else []), "--only", campaign.name]
    if campaign.name == load.NAME and chosen.kernel:
        words += ["--kernel", Path(chosen.kernel[0]).name, chosen.kernel[1]]
    how = f"`{shlex.join([*words, '--seed', str(chosen.seed)])}`, {os.cpu_count()} CPUs"
    told = [("run", how), *campaign.rows, ("lost, left behind or wrong", str(len(campaign.failures)))]
    return [f"| {campaign.name} | {what} | {figure} |" for what, figure in told]


def table(found: Mapping[str, Sequence[str]]) -> str:
    """Return the Markdown table of these campaigns' rows, in their order."""
    return "\n".join(
        ["| campaign | what | figure |", "|---|---|---|", *(row for name in CAMPAIGNS for row in found.get(name, ()))]
    )


def write(found: Mapping[str, Sequence[str]]) -> None:
    """Put the rows into the README; those of campaigns that were not run now stay as they are."""
    old = readme.written("torture").splitlines()
    kept = {name: [line for line in old if line.startswith(f"| {name} |")] for name in CAMPAIGNS}
    readme.put("torture", table(kept | dict(found)))


def main() -> int:
    """Run the campaigns; 1 if anything was lost, left behind or wrong."""
    chosen = arguments(sys.argv[1:])
    print(f"seed {chosen.seed}", flush=True)
    forget_callers_git()
    processes.hear_signals()
    processes.adopt_orphans()
    home = chosen.home or Path(tempfile.mkdtemp(prefix="bisector-torture-"))
    # What the campaigns start in this process has no part in the caller's home either.
    os.environ["XDG_CACHE_HOME"] = str(home / "cache")
    done = []
    for name in chosen.only.split(","):
        campaign = Campaign(name, chosen.seed, home / name)
        CAMPAIGNS[name](campaign, chosen)
        done.append(campaign)
    found = {campaign.name: rows(campaign, chosen) for campaign in done}
    for campaign in done:
        for failure in campaign.failures:
            print(f"WRONG: {failure}", file=sys.stderr)
    if chosen.write:
        write(found)
    print(table(found))
    return 1 if any(campaign.failures for campaign in done) else 0


if __name__ == "__main__":
    sys.exit(main())
