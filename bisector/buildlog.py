"""Why did a build fail, and was it the commit or our machine? A log's lines -> the reason. (pure)"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bisector.errors import HostError

# What a commit says by itself, whatever words it chooses: clang tells an #error without that word. What a compiler
# or assembler cannot do is a "fatal error" to it.
_SAID_BY_COMMIT = re.compile(r"#\s*(?:error|warning)\b|^\S+:\d+(?::\d+)?: (?:[Ee]rror|[Ww]arning|note): ")
# clang before 17 quotes source lines without a margin.
_SOURCE = re.compile(r"\s.*(?:\"|/\*|;$)")


# Characters of a line that are looked at; the longest that a compiler was seen to say has a third of it.
LONGEST = 2000


def _said(texts: str, *, after: str = "") -> re.Pattern[str]:
    """Match a text as programs say it: behind the program's name, in quotes or brackets, or as a line's begin."""
    return re.compile(rf"(?:^|: ['\"]?|\()(?:{texts}){after}")


def _errno(texts: str) -> re.Pattern[str]:
    """Match an errno's text where a program's line ends with it, in perl's `die` and in Python's traceback."""
    perl, python = r"\W*$| at \S+ line \d+\b", rf"|^\w+: \[Errno \d+\] (?:{texts})\b"
    return re.compile(_said(texts, after=f"(?:{perl})").pattern + python)


# What a log says when it was our machine and not the commit, whoever says it. Measured: the assembler quotes the
# errno's text, awk puts it in brackets, gcc's driver says "Killed signal terminated program cc1" when the OOM
# killer took cc1, make says "Killed" when it took make's own child, and "Error 137" when a shell came back with it.
# Too much here costs a stop that a person looks at; too little would cost a wrong verdict.
_DOCTOR = "bisector doctor says what is missing"
_HEADERS, _TOOL, _MEMORY, _COMPILER = (
    "host headers are missing",
    "a build tool is missing",
    "a compiler was killed or ran out of memory",
    "the compiler is not whole",
)
_FEWER = "use fewer --jobs, or free memory"
_SIGNAL = "(?:Killed|Terminated|Bus error)"
_ENDED = rf"{_SIGNAL}(?: \(core dumped\))?"
_OURS: tuple[tuple[re.Pattern[str], str, str, bool], ...] = (
    (_errno("No space left on device"), "the disk is full", "make room, then resume", False),
    (_errno("Disk quota exceeded"), "the disk quota is used up", "make room, then resume", False),
    (_errno("Read-only file system"), "the file system is read-only", "", False),
    # "I/O error" is all that dash says, also where the disk is full.
    (
        _errno("Input/output error|Stale file handle|I/O error"),
        "the disk reports an input/output error",
        "make room or mend the disk, then resume",
        False,
    ),
    (re.compile(r"Error during writing of the configuration"), "the configuration cannot be written", "", False),
    (
        re.compile(
            rf"{_SIGNAL} signal terminated|terminated with signal (?:7|9|15)\b|\b{_SIGNAL} \(program"
            rf"|^{_ENDED}$|\*\*\* \[.*\] {_ENDED}$|: {_ENDED}$|^\S*sh: .*\b{_ENDED}"
            # 128 and the signal's number, as a shell has it.
            r"|^make\S*: \*\*\* \[.*\] Error (?:135|137|143)$"
        ),
        _MEMORY,
        _FEWER,
        True,
    ),
    (
        _said(
            r"[Oo]ut of memory\b|(?:virtual )?memory exhausted|Cannot allocate memory|[Cc]annot fork"
            r"|Resource temporarily unavailable|Too many open files|std::bad_alloc"
        ),
        _MEMORY,
        _FEWER,
        True,
    ),
    # EAGAIN, ENOMEM, ENFILE, EMFILE, as Python has them.
    (
        re.compile(r"instance of 'std::bad_alloc'|^MemoryError\b|^\w+: \[Errno (?:11|12|23|24)\] "),
        _MEMORY,
        _FEWER,
        True,
    ),
    # bubblewrap's own word: make was not even begun. A directory that was taken away is made again.
    (re.compile(r"^bwrap: "), "the sandbox failed", "bisector doctor says whether it works", True),
    (re.compile(r": fatal error: (?:openssl|libelf|gelf)\S*: No such file"), _HEADERS, _DOCTOR, False),
    # A name without a slash: a program of the machine's. A path is a script of the commit's own.
    (re.compile(r"^(?:/\S*/)?(?:ba|da)?sh: (?:line )?\d+: [^/\s]+: (?:command )?not found"), _TOOL, _DOCTOR, False),
    (re.compile(r"^make\S*: [^/\s]+: (?:No such file or directory|Command not found)$"), _TOOL, _DOCTOR, False),
    (re.compile(r"^\S*env: .[^/\s]+.: No such file or directory"), _TOOL, _DOCTOR, False),
    (re.compile(r"^ccache: error: |^setpriv: failed to execute"), _TOOL, _DOCTOR, False),
    (re.compile(r"scripts/Kconfig\.include:\d+: .*'.*' not found"), _TOOL, _DOCTOR, False),
    (
        re.compile(r"error trying to exec '\S+': |fatal error: cannot execute '\S+': "),
        _COMPILER,
        "install it again",
        False,
    ),
    (_said("error while loading shared libraries: "), _COMPILER, "install it again", False),
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
# What the assembler reads from gcc: the name is another one each time, and the reason must not be.
_TEMPORARY = re.compile(r"[^\s'`\"(]*/cc\w{6}\.")
# An object that was not made, as kbuild's make says it; the exit code is a compiler's.
_NOT_MADE = re.compile(r"^make(?:\[\d+\])?: \*\*\* \[(?:.*: )?(?!/)([^\s:\0]+\.o)\] Error 1$")
_MAKE_ERROR = re.compile(r"^make(?:\[\d+\])?: \*\*\* .*")


def because(lines: Sequence[str]) -> str:
    """Return why the commit does not build. Raises HostError if it was our machine."""
    # The source lines that compilers quote ("  12 | …") accuse nobody; a line that is said again accuses nobody else.
    told = [line for line in dict.fromkeys(map(_bounded, lines)) if line and not _QUOTED.match(line)]
    for line in told:
        for pattern, message, hint, transient in _OURS:
            if _accuses(pattern, line):
                raise HostError(f"{message}: {line.strip()}", hint, transient=transient)
    return first_error(told)


def _accuses(pattern: re.Pattern[str], line: str) -> bool:
    """Tell whether a program says it, and not a commit: in a diagnostic, in source, in a string of its source."""
    if _SAID_BY_COMMIT.search(line) or _SOURCE.match(line):
        return False
    return any(line.count('"', 0, found.start()) % 2 == 0 for found in pattern.finditer(line))


def _bounded(line: str) -> str:
    """Return the line without the middle of a very long one.

    The patterns above take time with the square of a line's length where it is made for that, a Makefile can print
    one line of 64 MB, and no signal is heard while a pattern is tried. A reason stands at a line's begin or end.
    """
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]}…{line[-LONGEST // 2 :]}"


def skewed(lines: Sequence[str]) -> bool:
    """Tell whether make found files from the future: what it then left alone may be out of date."""
    return any(_SKEW.match(_bounded(line)) for line in lines)


def not_made(lines: Sequence[str]) -> str:
    """Return the first object that was not made, by its path below the objects; "" if make names none."""
    return next((found[1] for line in lines if (found := _NOT_MADE.match(line)) and ".." not in found[1]), "")


def first_error(lines: Sequence[str]) -> str:
    """Return the first line that says why a build failed, make's own complaint if no better one is there."""
    for pattern in (_ERRORS, _MAKE_ERROR):
        for line in lines:
            if pattern.match(line) and not _QUOTED.match(line):
                return _TEMPORARY.sub("cc*.", line.strip())[:300]
    return "make failed without saying why"
