"""How many inputs did each property try? Runs tests/test_properties.py with other inputs, and more of them."""

import argparse
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import readme

TESTS = "tests/test_properties.py"
_TEST = re.compile(rf"^{TESTS}::(\w+):", re.MULTILINE)
# Older versions of Hypothesis: "30 passing examples, 0 failing examples, 0 invalid examples".
_TRIED = re.compile(r"(\d+) passing(?: examples?)?, (\d+) failing")


def counted(said: str) -> dict[str, tuple[int, int]]:
    """Read Hypothesis' statistics: inputs that held and inputs that did not, for each property."""
    found = {}
    for part in re.split(rf"(?m)^(?={TESTS}::)", said):
        if name := _TEST.match(part):
            phases = [tuple(map(int, phase)) for phase in _TRIED.findall(part)]
            found[name[1]] = sum(phase[0] for phase in phases), sum(phase[1] for phase in phases)
    return found


def table(tried: Mapping[str, tuple[int, int]], command: str) -> str:
    """Return the Markdown table of the inputs that each property tried."""
    lines = ["| property | inputs | failed |", "|---|---|---|"]
    for name, (held, failed) in tried.items():
        lines.append(f"| {name.removeprefix('test_').replace('_', ' ')} | {held + failed} | {failed} |")
    held, failed = (sum(numbers) for numbers in zip(*tried.values(), strict=True))
    return "\n".join(
        [*lines, "", f"{held + failed} inputs for {len(tried)} properties, {failed} failed: `{command}`."]
    )


def main() -> int:
    """Run the properties and print the table. The exit code is pytest's."""
    parser = argparse.ArgumentParser(description="Feed every reader with inputs that no run has tried before.")
    parser.add_argument("--examples", type=int, default=5000, help="inputs for each property (5000)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32), help="to try the same inputs again")
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    began = time.monotonic()
    options = (
        "-q",
        "-p",
        "no:xdist",
        "--timeout=0",
        "--hypothesis-show-statistics",
        f"--hypothesis-seed={asked.seed}",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", TESTS, *options],
        env=os.environ | {"BISECTOR_EXAMPLES": str(asked.examples)},
        cwd=Path(__file__).parent.parent,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    tried = counted(done.stdout)
    if done.returncode or not tried:
        print(done.stdout)
        return done.returncode or 1
    made = table(tried, f"scripts/fuzz --examples {asked.examples} --seed {asked.seed}")
    print(f"{made}\n{time.monotonic() - began:.0f} s")
    if asked.write:
        readme.put("fuzz", made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
