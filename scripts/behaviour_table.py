"""What do Debian's kernels do, scenario by scenario, and where does that differ from what was expected?"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import readme
from kernel_history.importing import ensure_base

from bisector import opening
from bisector.model import Outcome
from bisector.scenarios import SCENARIOS

VERSIONS = ("6.1", "6.12")

# What was expected of both kernels from reading their sources, before any of them was booted: the outcome's
# word, or a pattern for the whole outcome. S-numbers are those of the notes that the expectations come from.
EXPECTED: Mapping[str, tuple[str, str]] = {
    "boot": ("", "OK"),
    "exec-sigtrap": ("S1", "STUCK"),
    "exec-oasync": ("S3", "STUCK"),
    "watch-sigtrap": ("S2", "STUCK"),
    "watch-oasync": ("S4", "STUCK"),
    "period2-exec-sigtrap": ("S7", r"DUP\(19/9\)"),
    "period2-exec-oasync": ("S7", r"DUP\(19/9\)"),
    "refresh1-exec-sigtrap": ("S8", r"OK\(ss=1 .*"),
    "refresh1-exec-oasync": ("S8", r"OK\(ss=1 .*"),
    "disable-in-handler-sigtrap": ("S9", "OK"),
    "disable-in-handler-oasync": ("S9", "OK"),
    "skip-in-handler-sigtrap": ("S10", "OK"),
    "skip-in-handler-oasync": ("S10", "OK"),
    "longjmp-out-sigtrap": ("S20", "OK"),
    "longjmp-out-oasync": ("S20", "OK"),
    "bp-in-handler-exec-sigtrap": ("S11", r"MISSED\(second HIT\)"),
    "bp-in-handler-exec-oasync": ("S11", r"MISSED\(second HIT\)"),
    "bp-in-handler-watch-sigtrap": ("S11", r"HIT\(second HIT\)"),
    "bp-in-handler-watch-oasync": ("S11", r"HIT\(second HIT\)"),
    "step-into-handler": ("S12", r"STOPS\(handler\+0/5/5\)"),
    "step-into-handler-blocked": ("S12b", r"KEPT\(.*"),
    "step-on-handler": ("S13", r"STOPS\(handler\+0/5/5,handler\+4/5/2,.*site\+0/5/0,.*"),
    "step-svc": ("S14", r"STOPS\(site\+4/5/0,site\+4/5/2,.*"),
    "step-regset": ("S15", r"OK\(site\+4/5/2,.*"),
    "stop-then-step": ("S16", r"SWALLOWED\(.*"),
    "stop-then-cont": ("S17", r"LOST\(1/5\)"),
    "native-step": ("S18", r"RETRAP\(.*; disarmed .*site\+4/5/2\)"),
    "count-svc": ("S19", r"SPURIOUS\(code 0\)|KILLED\(5\)"),
    "count-exec": ("S5", "OK"),
    "count-watch": ("S6", "OK"),
    "canary": ("", "OK"),
}


def outcomes(version: str) -> dict[str, str]:
    """Return each scenario's outcome on Debian's kernel of that version, by `bisector test`."""
    home = opening.cache() / "demo"
    repo = home / f"linux-{version}.git"
    home.mkdir(parents=True, exist_ok=True)
    ensure_base(Path(f"/usr/src/linux-source-{version}.tar.xz"), repo)
    command = [sys.executable, "-m", "bisector", "test", "--json", "--repo", str(repo), "base"]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    [step] = json.loads(said.stdout)["steps"]
    readings = step["observation"]["readings"]
    seen = {one["scenario"]: str(Outcome(**one["outcome"])) for one in readings}
    return seen | {"release": step["observation"]["release"]}


def table(seen: Mapping[str, Mapping[str, str]]) -> str:
    """Return the Markdown table; a cell that was expected otherwise says so."""
    versions = list(seen)
    head = ["scenario", "id", *(f"Linux {seen[version]['release']}" for version in versions)]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    differing = 0
    for scenario in SCENARIOS:
        number, expected = EXPECTED[scenario.name]
        cells = []
        for version in versions:
            outcome = seen[version].get(scenario.name, "NORUN")
            as_expected = re.fullmatch(expected, outcome) is not None
            differing += not as_expected
            cells.append(f"`{outcome}`" + ("" if as_expected else f" **expected `{expected}`**"))
        lines.append(f"| `{scenario.name}` | {number} | {' | '.join(cells)} |")
    lines += ["", f"{differing} of {len(SCENARIOS) * len(versions)} cells differ from what was expected."]
    return "\n".join(lines)


def main() -> None:
    """Print the table, or put it into the README."""
    made = table({version: outcomes(version) for version in VERSIONS})
    if sys.argv[1:] == ["--write"]:
        readme.put("behaviours", made)
    else:
        print(made)


if __name__ == "__main__":
    main()
