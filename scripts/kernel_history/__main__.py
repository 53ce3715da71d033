"""Which history is asked for on the command line?

    python3 scripts/kernel_history --source /usr/src/linux-source-6.12.tar.xz --into DIR --story NAME

One JSON object with the story's refs and every commit goes to stdout, progress to stderr.  `python3 -m
kernel_history` with `scripts` on the path is the same.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # Python was given the folder and put it on the path; the package is found from the one above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from kernel_history import STORIES, HistoryError, make
from kernel_history.messages import say


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the story as JSON; return 0 if the story stands, 2 if the user must mend something first."""
    parser = argparse.ArgumentParser(
        prog="kernel_history", description="Make a git history to bisect from Debian's kernel source."
    )
    parser.add_argument("--source", type=Path, required=True, help="Debian's linux-source-6.12.tar.xz")
    parser.add_argument(
        "--into", type=Path, required=True, metavar="DIR", help="the bare repository; made if missing"
    )
    parser.add_argument("--story", required=True, choices=sorted(STORIES), help="which branch to make in it")
    chosen = parser.parse_args(arguments)
    try:
        history = make(chosen.source, chosen.into, chosen.story)
    except (HistoryError, OSError) as error:
        say(str(error))
        return 2
    except KeyboardInterrupt:
        say("interrupted; an unfinished import was removed")
        return 130
    print(json.dumps(history.as_json(), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
