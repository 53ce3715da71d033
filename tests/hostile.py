"""What does a commit try whose Makefile means harm? Scripts for the mini kernel's Makefile, and what came of them."""

from __future__ import annotations

import ctypes
import os
import re
from pathlib import Path

from bisector.host import keeper, seccomp
from tests.minitree import MiniTree

SCRIPT = "scripts/hostile.sh"
# Each line an attempt; `sh` gets it whole. Placeholders are filled in by `attempts`.
_ATTEMPTS = {
    "write the sources": 'echo x >> "$1/README.md"',
    "write the repository": 'echo x > "{repo}/.git/stolen"',
    "write the home directory": 'echo x > "{home}/stolen"',
    "write another directory": 'echo x > "{elsewhere}/stolen"',
    "write the state directory": 'echo x > "{state}/stolen"',
    "write the journal": 'for journal in "{state}"/sessions/*/journal.jsonl; do : >> "$journal" || exit 1; done',
    "write our notes": 'echo x >> "$(ls -d "$1"/../objects/.bisector-made-by)"',
    "read the home directory": 'grep -q secret "{home}/.ssh/id_ed25519"',
    "read the passwords": "grep -q root /etc/shadow /etc/passwd",
    "read the caller's environment": "grep -qz 'of the c[a]ller' /proc/[0-9]*/environ",
    "see the host's processes": "grep -qz '{seconds}' /proc/[0-9]*/cmdline",
    "signal the host's processes": "kill -0 {pid}",
    "open a connection": "perl -MIO::Socket::INET -e 'IO::Socket::INET->new(\"127.0.0.1:{port}\") or exit 1'",
    "open an abstract socket": (
        "perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0); "
        'connect(S, pack("Sa*", AF_UNIX, "\\0{abstract}")) or exit 1\''
    ),
    "open a virtual machine's socket": "perl -MSocket -e 'socket(S, 40, SOCK_STREAM, 0) or exit 1'",
    # perl takes strings for a system call from variables only.
    "find the caller's key": (
        'perl -e \'$type = "user"; $name = "{key}"; exit 1 if syscall({keyctl}, 10, -3, $type, $name, 0) < 0\''
    ),
}
# What works in the sandbox too: where the same words fail above, they were refused and not misspelt.
_CONTROLS = {
    "talk to itself over a socket": (
        'perl -MIO::Socket::INET -e \'$l = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or exit 1; '
        'IO::Socket::INET->new("127.0.0.1:".$l->sockport) or exit 1\''
    ),
}
_TOLD = re.compile(r"^hostile: (.*): (succeeded|failed)$", re.MULTILINE)


def attempts(**places: object) -> str:
    """Return a script that tries everything and says of each what came of it."""
    lines = ['tree=$1; attempt() { sh -c "$2" sh "$tree" > /dev/null 2>&1 && echo "hostile: $1: succeeded" >&2 || '
             'echo "hostile: $1: failed" >&2; }']  # fmt: skip
    for name, script in (_ATTEMPTS | _CONTROLS).items():
        for key, value in places.items():
            script = script.replace(f"{{{key}}}", str(value))
        lines.append("attempt '" + name.replace("'", "'\\''") + "' '" + script.replace("'", "'\\''") + "'")
    return "\n".join(lines) + "\n"


def told(log: Path) -> dict[str, set[str]]:
    """Return what came of each attempt, as a build's log has it."""
    found: dict[str, set[str]] = {}
    for name, came in _TOLD.findall(log.read_text(errors="replace")):
        found.setdefault(name, set()).add(came)
    return found


def makefile(tree: MiniTree, script: str, target: str = "") -> dict[str, str | None]:
    """Return a commit's files: `script` is run when make reads its Makefile, with the sources as its argument.

    `target`: only if this one is being made.
    """
    before = tree.files(tree.base)["Makefile"]
    asked = f"ifneq ($(filter {target},$(MAKECMDGOALS)),)\n" if target else ""
    call = "ignored := $(shell sh $(CURDIR)/" + SCRIPT + " $(CURDIR))\n"
    # In make's first call only, where CURDIR is the sources.
    guarded = f"ifndef sub_make_done\n{asked}{call}{'endif' if target else ''}\nendif\n"
    return {"Makefile": guarded + before, SCRIPT: script}


def with_a_key() -> tuple[int, str]:
    """Put a key into a session keyring of this process's and its children's; return keyctl's number, and its name."""
    libc, number, name = ctypes.CDLL(None), seccomp.KEYCTL[os.uname().machine], f"bisector-{os.getpid()}"
    assert libc.syscall(number, keeper.JOIN_SESSION_KEYRING, None) >= 0
    add_key = number - 2
    assert libc.syscall(add_key, b"user", name.encode(), b"secret", 6, keeper.SESSION_KEYRING) >= 0
    return number, name
