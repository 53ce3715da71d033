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
# word, or a pattern for the whole outcome. Put into other words since: `refresh1-*` was expected as `OK(ss=1 …)`,
# whatever is counted when it is armed again; that makes the word now, and without a limit it is stuck as `exec-*` is.
EXPECTED: Mapping[str, str] = {
    "boot": "OK",
    "exec-sigtrap": "STUCK",
    "exec-oasync": "STUCK",
    "watch-sigtrap": "STUCK",
    "watch-oasync": "STUCK",
    "period2-exec-sigtrap": r"DUP\(19/9\)",
    "period2-exec-oasync": r"DUP\(19/9\)",
    "refresh1-exec-sigtrap": r"STUCK\(ss=1 again=1/.*",
    "refresh1-exec-oasync": r"STUCK\(ss=1 again=1/.*",
    "disable-in-handler-sigtrap": "OK",
    "disable-in-handler-oasync": "OK",
    "skip-in-handler-sigtrap": "OK",
    "skip-in-handler-oasync": "OK",
    "longjmp-out-sigtrap": "OK",
    "longjmp-out-oasync": "OK",
    "bp-in-handler-exec-sigtrap": r"MISSED\(second HIT\)",
    "bp-in-handler-exec-oasync": r"MISSED\(second HIT\)",
    "bp-in-handler-watch-sigtrap": r"HIT\(second HIT\)",
    "bp-in-handler-watch-oasync": r"HIT\(second HIT\)",
    "step-into-handler": r"STOPS\(handler\+0/5/5\)",
    "step-into-handler-blocked": r"KEPT\(.*",
    "step-on-handler": r"STOPS\(handler\+0/5/5,handler\+4/5/2,.*site\+0/5/0,.*",
    "step-svc": r"STOPS\(site\+4/5/0,site\+4/5/2,.*",
    "step-regset": r"OK\(site\+4/5/2,.*",
    "stop-then-step": r"SWALLOWED\(.*",
    "stop-then-cont": r"LOST\(1/5\)",
    "native-step": r"RETRAP\(.*; disarmed .*site\+4/5/2\)",
    "count-svc": r"SPURIOUS\(code 0\)|KILLED\(5\)",
    "count-exec": "OK",
    "count-watch": "OK",
    "canary": "OK",
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
    head = ["scenario", "what it looks at", *(f"Linux {seen[version]['release']}" for version in versions)]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    differing = 0
    for scenario in SCENARIOS:
        expected = EXPECTED[scenario.name]
        cells = []
        for version in versions:
            outcome = seen[version].get(scenario.name, "NORUN")
            as_expected = re.fullmatch(expected, outcome) is not None
            differing += not as_expected
            cells.append(f"`{outcome}`" + ("" if as_expected else f" **expected `{expected}`**"))
        lines.append(f"| `{scenario.name}` | {scenario.about} | {' | '.join(cells)} |")
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
