"""Why did a build fail, and was it the commit or our machine? A log's lines -> the reason. (pure)"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bisector.errors import HostError

# What a commit says by itself, whatever words it chooses.
_SAID_BY_COMMIT = re.compile(r"#\s*(?:error|warning)\b")


# Characters of a line that are looked at; the longest that a compiler was seen to say has a third of it.
LONGEST = 2000


def _errno(texts: str) -> re.Pattern[str]:
    """Match an errno's text as programs say it, at the end of a line: not a string in a quoted source line."""
    return re.compile(rf"(?:: ['\"]?|\()(?:{texts})\W*$")


# What a log says when it was our machine and not the commit, whoever says it. Measured: the assembler quotes the
# errno's text, awk puts it in brackets, gcc's driver says "Killed signal terminated program cc1" when the OOM
# killer took cc1, make says "Killed" when it took make's own child. Too much here costs a stop that a person looks
# at; too little would cost a wrong verdict.
_DOCTOR = "bisector doctor says what is missing"
_HEADERS, _TOOL, _MEMORY = (
    "host headers are missing",
    "a build tool is missing",
    "a compiler was killed or ran out of memory",
)
_OURS: tuple[tuple[re.Pattern[str], str, str, bool], ...] = (
    (_errno("No space left on device"), "the disk is full", "make room, then resume", False),
    (_errno("Disk quota exceeded"), "the disk quota is used up", "make room, then resume", False),
    (_errno("Read-only file system"), "the file system is read-only", "", False),
    (_errno("Input/output error|Stale file handle"), "the disk reports an input/output error", "", False),
    (re.compile(r"Error during writing of the configuration"), "the configuration cannot be written", "", False),
    (
        re.compile(
            r"(?:Killed|Terminated|Bus error) signal terminated|^Killed$|\] Killed$|\bKilled \(program|\[Killed\]"
            r"|: Killed$|^\S*sh: .*\bKilled\b|\bout of memory\b|virtual memory exhausted|Cannot allocate memory"
            r"|[Cc]annot fork|Resource temporarily unavailable|Too many open files",
        ),
        _MEMORY,
        "use fewer --jobs, or free memory",
        True,
    ),
    (re.compile(r": fatal error: (?:openssl|libelf|gelf)\S*: No such file"), _HEADERS, _DOCTOR, False),
    # A name without a slash: a program of the machine's. A path is a script of the commit's own.
    (re.compile(r"^(?:/\S*/)?(?:ba|da)?sh: (?:line )?\d+: [^/\s]+: (?:command )?not found"), _TOOL, _DOCTOR, False),
    (re.compile(r"^make\S*: [^/\s]+: (?:No such file or directory|Command not found)$"), _TOOL, _DOCTOR, False),
    (re.compile(r"^\S*env: .[^/\s]+.: No such file or directory"), _TOOL, _DOCTOR, False),
    (re.compile(r"^ccache: error: |^setpriv: failed to execute"), _TOOL, _DOCTOR, False),
    (re.compile(r"error trying to exec '\S+': "), "the compiler is not whole", "install it again", False),
)
# make's word for files that are newer than now: what is out of date then looks up to date.
_SKEW = re.compile(
    r"^make\S*: (?:warning:  Clock skew detected|Warning: File .* has modification time .* in the future)"
)
# The first line that says why, in the order in which compilers, assemblers, linkers and kbuild say it.
_ERRORS = re.compile(
    r"^\S+?:\d+(?::\d+)?:\s*(?:fatal )?error: .*"
    r"|^ERROR: .*"
    r"|^.*: error: .*"
    r"|^\S+:\d+: (?:Error|syntax error|unknown|invalid)\b.*"
    r"|^(?=\S*ld)\S*: .*(?:undefined reference|multiple definition|cannot find|undefined symbol|duplicate symbol).*"
    r"|^(?=\S*ld)\S*: .*(?:region|overflow).*"
    r"|^\S+: undefined reference to .*"
    r"|^\S+:\(\S+\): undefined reference to .*"
    r"|^Error: .*"
    r"|^\*\*\* .*"
)
_QUOTED = re.compile(r"\s*\d* \|")
_MAKE_ERROR = re.compile(r"^make(?:\[\d+\])?: \*\*\* .*")


def because(lines: Sequence[str]) -> str:
    """Return why the commit does not build. Raises HostError if it was our machine."""
    # The source lines that compilers quote ("  12 | …") accuse nobody; a line that is said again accuses nobody else.
    told = [line for line in dict.fromkeys(map(_bounded, lines)) if line and not _QUOTED.match(line)]
    for line in told:
        for pattern, message, hint, transient in _OURS:
            if pattern.search(line) and not _SAID_BY_COMMIT.search(line):
                raise HostError(f"{message}: {line.strip()}", hint, transient=transient)
    return first_error(told)


def _bounded(line: str) -> str:
    """Return the line without the middle of a very long one.

    The patterns above take time with the square of a line's length where it is made for that, a Makefile can print
    one line of 64 MB, and no signal is heard while a pattern is tried. A reason stands at a line's begin or end.
    """
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]}…{line[-LONGEST // 2 :]}"


def skewed(lines: Sequence[str]) -> bool:
    """Tell whether make found files from the future: what it then left alone may be out of date."""
    return any(_SKEW.match(_bounded(line)) for line in lines)


def first_error(lines: Sequence[str]) -> str:
    """Return the first line that says why a build failed, make's own complaint if no better one is there."""
    for pattern in (_ERRORS, _MAKE_ERROR):
        for line in lines:
            if pattern.match(line) and not _QUOTED.match(line):
                return line.strip()[:300]
    return "make failed without saying why"
