"""Who wants to know of a commit? Those whom the tree's own script names; else those who signed it."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from bisector.errors import HostError
from bisector.host import messages, process, sandbox
from bisector.host.repository import Repository
from bisector.model import Commit
from bisector.report.mail import Recipients

SCRIPT, MAINTAINERS = "scripts/get_maintainer.pl", "MAINTAINERS"
# By these files and directories the script knows that it stands in a kernel's tree.
_FILES = ("COPYING", "CREDITS", "Kbuild", "Makefile", "README")
_PLACES = ("Documentation", "arch", "include", "drivers", "fs", "init", "ipc", "kernel", "lib", "scripts")
_WORDS = ("--no-git", "--no-git-fallback", "--rolestats", "--no-keywords")
# Seconds, and bytes of memory: it takes one second.
SECONDS, MEMORY = 60.0, 1 << 30
# "A Person <a@example.org> (maintainer:ARM64 PORT)", "list@example.org (moderated list:ARM64 PORT)".
_SAID = re.compile(r"(?P<who>[^()]+@[^()\s]+)\s+\((?P<role>[^()]*)")
# Whom a commit's message names, in the order of its own importance for us.
_SIGNED = ("signed-off-by", "reviewed-by", "acked-by", "tested-by", "reported-by", "suggested-by", "cc")


def recipients(repository: Repository, culprit: Commit, tree: Commit) -> Recipients:
    """Return who wants to know of `culprit`, as the script and the list of maintainers of `tree` have it.

    The script is a stranger's: it runs in bubblewrap or not at all. Without it, or where it fails, the commit's
    author and those who signed it are told.
    """
    signed = messages.trailers(repository, culprit)
    signers = [who for key in _SIGNED for name, who in signed if name.lower() == key]
    sender = messages.person(repository)
    if sandbox.why_not() or not (said := _script(repository, culprit, tree)):
        return Recipients((culprit.author,), tuple(signers), sender)
    maintain = [who for who, role in said if re.match(r"(chief )?(maintainer|supporter)", role)]
    others = [who for who, _ in said if who not in maintain]
    return Recipients(tuple(maintain or (culprit.author,)), (culprit.author, *signers, *others), sender)


def _script(repository: Repository, culprit: Commit, tree: Commit) -> list[tuple[str, str]]:
    """Run the script; return whom it names, each with the role, [] if it does not work."""
    script, list_, patch = (
        messages.content(repository, tree, SCRIPT),
        messages.content(repository, tree, MAINTAINERS),
        messages.patch(repository, culprit),
    )
    if not script or not list_ or not patch:
        return []
    said: list[str] = []
    with tempfile.TemporaryDirectory(prefix="bisector-") as name:
        place = Path(name)
        for below in _PLACES:
            (place / below).mkdir()
        for path, content in (
            (SCRIPT, script),
            (MAINTAINERS, list_),
            ("patch", patch),
            *((one, b"") for one in _FILES),
        ):
            (place / path).write_bytes(content)
        try:
            done = process.run(
                ["sh", "-c", f'cd "$0" && exec perl {SCRIPT} {" ".join(_WORDS)} patch', str(place)],
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"},
                log=place / "log",
                seconds=SECONDS,
                on_line=said.append,
                walls=sandbox.Walls(readable=(place,)),
                bounds=process.Bounds(tasks=64, memory=MEMORY),
            )
        except HostError:
            return []
    if done.code or done.overdue or done.excess:
        return []
    return [(match["who"].strip(), match["role"]) for line in said if (match := _SAID.match(line.strip()))]
