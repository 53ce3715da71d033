"""What does git hear from us besides its words? Settings that keep the user's, and a commit's, from acting.

The user's configuration may name programs (hooks, fsmonitor, filters), and what a commit brings (attributes,
submodules) decides whether git runs them. In our worktrees it runs none of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

# No hooks, background repacking or fsmonitor of the user's, files as the commit has them to the byte, no questions.
_CONFIG = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.autocrlf": "false",
    "core.eol": "lf",
    "core.symlinks": "true",
    "core.fileMode": "true",
    "core.sparseCheckout": "false",
    # A range's blobs and commits, and nothing else: no attributes that stand outside of the commit.
    "core.attributesFile": os.devnull,
    "submodule.recurse": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "advice.detachedHead": "false",
    "advice.graftFileDeprecated": "false",
    "log.showSignature": "false",
    "log.mailmap": "false",
    "i18n.logOutputEncoding": "UTF-8",
}


def forget_callers_git() -> None:
    """Drop the GIT_* variables of a hook or rebase that called us: they name another repository or index.

    GitPython lays its environment over `os.environ`, so a variable can only be taken away there.
    """
    for key in [key for key in os.environ if key.startswith("GIT_")]:
        del os.environ[key]


def variables(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment variables that every git of ours gets; `more`: settings beside those for all."""
    config = _CONFIG | dict(more or {})
    return {
        "GIT_CONFIG_COUNT": str(len(config)),
        **{f"GIT_CONFIG_KEY_{number}": key for number, key in enumerate(config)},
        **{f"GIT_CONFIG_VALUE_{number}": value for number, value in enumerate(config.values())},
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        # A commit id means that commit, not what `git replace` or a graft puts in its place: with a replaced new end
        # the search once named a commit in a history that nobody else has.
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_GRAFT_FILE": os.devnull,
        # A partial clone would fetch what it lacks, in the middle of a night, and wait for a remote that hangs.
        # Newer gits know the second variable; the first forbids the fetch its every way.
        "GIT_ALLOW_PROTOCOL": "",
        "GIT_NO_LAZY_FETCH": "1",
        "LC_ALL": "C",
    }


def without_filters(names: Iterable[str]) -> dict[str, str]:
    """Return settings that switch off these filters, given the names of the user's settings (`filter.lfs.smudge`).

    The user configured the program, but a commit's .gitattributes decides that it runs, and on what.
    """
    drivers = {name.removeprefix("filter.").rpartition(".")[0] for name in names}
    off = {"smudge": "", "clean": "", "process": "", "required": "false"}
    return {f"filter.{driver}.{key}": value for driver in sorted(drivers) for key, value in off.items()}
