"""Is a failed build read as the commit's fault or as our machine's, with the line that says why?

The logs are written in the manner of each program; no source in them is anybody's.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bisector import buildlog, target
from bisector.errors import HostError
from bisector.model import BrokenBuild, Commit

DATE = "2024-01-02T03:04:05+00:00"
COMMIT = Commit("c" * 40, "a subject", "A <a@example.org>", DATE, DATE, ())
COMMAND = "$ KBUILD_BUILD_USER=bisector make -C /home/me/tree O=/home/me/objects -j2 Image\n"
MAKE_SAYS = "make[3]: *** [scripts/Makefile.build:250: init/main.o] Error 1\nmake: *** [Makefile:234: sub] Error 2\n"


def broken(tmp_path: Path, log: str) -> BrokenBuild:
    path = tmp_path / "build.log"
    path.write_text(COMMAND + log)
    return target.broken(COMMIT, path, Path("/home/me/tree"))


# -- the commit's fault --------------------------------------------------------------------------------

BROKEN = {
    "gcc": (
        "  CC      init/main.o\n"
        "init/main.c: In function 'boot_it':\n"
        "init/main.c:12:9: warning: unused variable 'spare' [-Wunused-variable]\n"
        "   12 |     int spare;\n"
        "      |         ^~~~~\n"
        "init/main.c:14:21: error: expected expression before ';' token\n"
        "   14 |     size_t size = ;\n"
        "      |                   ^\n",
        "init/main.c:14:21: error: expected expression before ';' token",
    ),
    "gcc, a missing header": (
        "init/main.c:3:10: fatal error: linux/nowhere.h: No such file or directory\n"
        "    3 | #include <linux/nowhere.h>\n"
        "compilation terminated.\n",
        "init/main.c:3:10: fatal error: linux/nowhere.h: No such file or directory",
    ),
    "gcc, an option it does not know": (
        "aarch64-linux-gnu-gcc: error: unrecognized command-line option '-mnew-thing'\n",
        "aarch64-linux-gnu-gcc: error: unrecognized command-line option '-mnew-thing'",
    ),
    "clang": (
        "lib/list.c:7:12: error: use of undeclared identifier 'nxet'\n"
        "    7 |     return nxet;\n"
        "      |            ^\n"
        "1 error generated.\n",
        "lib/list.c:7:12: error: use of undeclared identifier 'nxet'",
    ),
    "the assembler": (
        "arch/arm64/kernel/head.S: Assembler messages:\n"
        "arch/arm64/kernel/head.S:88: Error: unknown mnemonic `moov' -- `moov x0,x1'\n",
        "arch/arm64/kernel/head.S:88: Error: unknown mnemonic `moov' -- `moov x0,x1'",
    ),
    "the assembler behind gcc": (
        "/tmp/ccDFK4sY.s: Assembler messages:\n/tmp/ccDFK4sY.s:13: Error: unknown mnemonic `moov' -- `moov x0,x1'\n",
        "cc*.s:13: Error: unknown mnemonic `moov' -- `moov x0,x1'",
    ),
    "ld": (
        "  LD      vmlinux\n"
        "aarch64-linux-gnu-ld: init/main.o: in function `boot_it':\n"
        "main.c:(.text+0x1c): undefined reference to `step_over'\n",
        "main.c:(.text+0x1c): undefined reference to `step_over'",
    ),
    "ld, one line": (
        "aarch64-linux-gnu-ld: lib/b.o:(.data+0x0): multiple definition of `twice'; lib/a.o:(.data+0x0): here\n",
        "aarch64-linux-gnu-ld: lib/b.o:(.data+0x0): multiple definition of `twice'; lib/a.o:(.data+0x0): here",
    ),
    "ld.lld": (
        "ld.lld: error: undefined symbol: step_over\n>>> referenced by main.c:20\n",
        "ld.lld: error: undefined symbol: step_over",
    ),
    "kbuild": (
        "make[4]: *** No rule to make target 'lib/lost.o', needed by 'lib/built-in.a'.  Stop.\n",
        "make[4]: *** No rule to make target 'lib/lost.o', needed by 'lib/built-in.a'.  Stop.",
    ),
    "Kconfig": (
        "init/Kconfig:31: syntax error\ninit/Kconfig:30: invalid statement\n",
        "init/Kconfig:31: syntax error",
    ),
    "a silent make": ("make: *** [Makefile:1: all] Error 1\n", "make: *** [Makefile:1: all] Error 1"),
}


@pytest.mark.parametrize("who", BROKEN)
def test_the_first_line_that_says_why_is_the_reason(tmp_path: Path, who: str) -> None:
    log, because = BROKEN[who]
    assert broken(tmp_path, log + MAKE_SAYS) == BrokenBuild(COMMIT.id, because)


def test_a_log_that_says_nothing_is_told_as_that(tmp_path: Path) -> None:
    assert broken(tmp_path, "  CC      init/main.o\n").because == "make failed without saying why"


@pytest.mark.parametrize(
    ("line", "failed"),
    [
        ("make[4]: *** [/a/tree/scripts/Makefile.build:250: kernel/events/core.o] Error 1", "kernel/events/core.o"),
        ("make[2]: *** [/a tree/Makefile:9: init/main.o] Error 1", "init/main.o"),
        ("make: *** [init/main.o] Error 1", "init/main.o"),
        ("make[1]: *** [/a/tree/Makefile:1140: vmlinux] Error 1", ""),
        ("make[4]: *** [/a/tree/scripts/Makefile.build:250: kernel/events] Error 2", ""),
        ("make[4]: *** [/a/tree/scripts/Makefile.build:250: kernel/fork.o] Error 137", ""),
        ("make[4]: *** [/a/tree/Makefile:1: ../../home/x.o] Error 1", ""),
        ("make[4]: *** [/a/tree/Makefile:1: /home/x.o] Error 1", ""),
        ("make: *** [init/ma\0in.o] Error 1", ""),
        ("note: make[4]: *** [/a/tree/Makefile:1: x.o] Error 1", ""),
    ],
)
def test_the_object_that_was_not_made_is_named_by_its_path_below_the_objects(line: str, failed: str) -> None:
    assert buildlog.not_made(["", "init/main.c:1: error: x", line]) == failed


def test_our_own_command_is_never_the_reason(tmp_path: Path) -> None:
    assert broken(tmp_path, "$ make x: error: y\nmake: *** [a] Error 1\n").because == "make: *** [a] Error 1"


def test_a_reason_is_cut_to_a_line_that_can_be_read(tmp_path: Path) -> None:
    assert len(broken(tmp_path, f"a.c:1:1: error: {'x' * 5000}\n").because) == 300


@pytest.mark.parametrize("prefix", ["/home/me/tree/", "../tree/", ""])
def test_paths_are_told_as_the_commit_has_them(tmp_path: Path, prefix: str) -> None:
    assert broken(tmp_path, f"{prefix}lib/a.c:1:1: error: no\n").because == "lib/a.c:1:1: error: no"


def test_bytes_that_are_no_text_do_not_hide_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "build.log"
    path.write_bytes(b"\xff\xfe rubbish\nlib/a.c:1:1: error: \xff here\n")
    assert target.broken(COMMIT, path, tmp_path).because == r"lib/a.c:1:1: error: \xff here"


@pytest.mark.parametrize(
    ("line", "who"),
    [
        ("drivers/Kconfig:12:error: recursive dependency detected!", "Kconfig"),
        ('ERROR: modpost: "step_over" [vmlinux] undefined!', "modpost"),
    ],
)
def test_kconfig_s_and_modpost_s_own_words_are_the_reason(tmp_path: Path, line: str, who: str) -> None:
    assert broken(tmp_path, f"{line}\n{MAKE_SAYS}").because == line, who


def test_a_quoted_source_line_is_not_the_reason(tmp_path: Path) -> None:
    log = (
        "lib/a.c:40:3: warning: format '%d' expects a number [-Wformat=]\n"
        '   40 |   say("cpu: error: %d", name);\n'
        "lib/a.c:50:1: error: expected ';'\n"
    )
    assert broken(tmp_path, log).because == "lib/a.c:50:1: error: expected ';'"


# -- our machine's failure -----------------------------------------------------------------------------

OURS = {
    "full disk": (
        "as: error writing to lib/a.o: No space left on device",
        "the disk is full",
        False,
    ),
    "quota": ("cp: error writing 'vmlinux': Disk quota exceeded", "the disk quota is used up", False),
    "read-only": (
        "mkdir: cannot create 'lib': Read-only file system",
        "the file system is read-only",
        False,
    ),
    "broken disk": ("ld: final close failed: Input/output error", "the disk reports an input/output error", False),
    "cc1 killed": (
        "aarch64-linux-gnu-gcc: fatal error: Killed signal terminated program cc1",
        "a compiler was killed or ran out of memory",
        True,
    ),
    "make's child killed": (
        "make[2]: *** [scripts/Makefile.build:250: lib/a.o] Killed",
        "a compiler was killed or ran out of memory",
        True,
    ),
    "no memory": ("cc1: out of memory: Cannot allocate memory", "a compiler was killed or ran out of memory", True),
    "no bison": ("/bin/sh: 1: bison: not found", "a build tool is missing", False),
    "no flex, bash": ("bash: line 1: flex: command not found", "a build tool is missing", False),
    "no compiler": (
        "make[1]: aarch64-linux-gnu-gcc: No such file or directory",
        "a build tool is missing",
        False,
    ),
    "no headers": (
        "scripts/sign.c:30:10: fatal error: openssl/bio.h: No such file or directory",
        "host headers are missing",
        False,
    ),
    "half a compiler": (
        "aarch64-linux-gnu-gcc: fatal error: error trying to exec 'cc1': execvp: No such file or directory",
        "the compiler is not whole",
        False,
    ),
}


@pytest.mark.parametrize("what", OURS)
def test_our_machine_s_failure_is_no_verdict(tmp_path: Path, what: str) -> None:
    line, message, transient = OURS[what]
    with pytest.raises(HostError) as caught:
        broken(tmp_path, f"  CC      lib/a.o\n{line}\n{MAKE_SAYS}")
    assert caught.value.message == f"{message}: {line}"
    assert caught.value.transient is transient


FULL, BROKEN_DISK, MEMORY = (
    "the disk is full",
    "the disk reports an input/output error",
    "a compiler was killed or ran out of memory",
)
# What other programs say of the same: each line was seen, or stands in the program's source.
SAID = {
    "dash's echo": ("/bin/sh: 1: echo: echo: I/O error", BROKEN_DISK),
    "perl's die": ("No space left on device at scripts/recordmcount.pl line 865.", FULL),
    "perl's die with a name": ('Cannot write "x.S": No space left on device at crypto/x.pl line 3.', FULL),
    "Python": ("OSError: [Errno 28] No space left on device", FULL),
    "Python with a name": ("OSError: [Errno 28] No space left on device: 'lib/x.o'", FULL),
    "Python on a broken disk": ("OSError: [Errno 5] Input/output error: 'lib/x.o'", BROKEN_DISK),
    "the assembler": ("lib/a.s: Fatal error: can't write 8 bytes to lib/a.o: 'No space left on device'", FULL),
    "gcc at a place": ("lib/a.c:9:1: fatal error: error writing to lib/a.s: No space left on device", FULL),
    "a shell's child": ("Terminated", MEMORY),
    "make's terminated child": ("make[2]: *** [scripts/Makefile.build:250: lib/a.o] Terminated", MEMORY),
    "make's child on a broken disk": ("make[2]: *** [scripts/Makefile.build:250: lib/a.o] Bus error", MEMORY),
    "make's child with a core": ("make[2]: *** [Makefile:2: lib/a.o] Bus error (core dumped)", MEMORY),
    "a killed shell": ("make[2]: *** [scripts/Makefile.build:250: lib/a.o] Error 137", MEMORY),
    "a terminated shell": ("make: *** [Makefile:234: __sub-make] Error 143", MEMORY),
    "collect2, bus error": ("collect2: fatal error: ld terminated with signal 7 [Bus error]", MEMORY),
    "collect2, terminated": ("collect2: fatal error: ld terminated with signal 15 [Terminated]", MEMORY),
    "perl": ("Out of memory!", MEMORY),
    "gcc": ("cc1: out of memory allocating 65536 bytes after a total of 4096 bytes", MEMORY),
    "lld": ("LLVM ERROR: out of memory", MEMORY),
    "clang's quotes": ("clang: error: unable to open output file 'a.o': 'Too many open files'", MEMORY),
    "bison": ("bison: memory exhausted", MEMORY),
    "ld": ("aarch64-linux-gnu-ld: final link failed: memory exhausted", MEMORY),
    "C++": ("terminate called after throwing an instance of 'std::bad_alloc'", MEMORY),
    "Python's memory": ("MemoryError", MEMORY),
    "Python without a process": ("BlockingIOError: [Errno 11] Resource temporarily unavailable", MEMORY),
    "Python without a descriptor": ("OSError: [Errno 24] Too many open files: '/dev/null'", MEMORY),
    "make": ("make[3]: vfork: Resource temporarily unavailable", MEMORY),
    "gcc 13 without a cc1": (
        "aarch64-linux-gnu-gcc: fatal error: cannot execute 'cc1': execvp: No such file or directory",
        "the compiler is not whole",
    ),
    "half a binutils": (
        "aarch64-linux-gnu-as: error while loading shared libraries: libbfd-2.40.so: cannot open shared object file",
        "the compiler is not whole",
    ),
    "Kconfig without a linker": ("scripts/Kconfig.include:40: linker 'ld.lld' not found", "a build tool is missing"),
    "Kconfig without a compiler": (
        "../tree/scripts/Kconfig.include:39: C compiler 'aarch64-linux-gnu-gcc' not found",
        "a build tool is missing",
    ),
    "bubblewrap": ("bwrap: Can't find source path /home/me/ccache: No such file or directory", "the sandbox failed"),
}


@pytest.mark.parametrize("who", SAID)
def test_whoever_says_it_it_is_our_machine(tmp_path: Path, who: str) -> None:
    line, message = SAID[who]
    with pytest.raises(HostError) as caught:
        broken(tmp_path, f"{line}\nlib/a.c:9:1: error: expected ';'\n{MAKE_SAYS}")
    assert caught.value.message == f"{message}: {line}"


def test_our_machine_s_failure_comes_before_the_commit_s(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="the disk is full"):
        broken(tmp_path, "lib/a.c:1:1: error: no\nas: lib/b.o: No space left on device\n")


# -- words that accuse nobody --------------------------------------------------------------------------

REASON = "lib/a.c:9:1: error: expected ';'"
INNOCENT = [
    '    8 |   say("No space left on device");',
    '  108 |   return "Cannot allocate memory";',
    '      |   "Input/output error" ~~~~',
    "$ make CC='Disk quota exceeded'",
    "  CC      drivers/char/Killed.o",
    "lib/a.c:8:2: note: the task is Killed here",
    # clang tells an #error without that word, and before 17 quotes source lines without a margin.
    "lib/a.c:8:2: error: buffer: out of memory",
    "lib/a.c:8:2: warning: No space left on device [-W#warnings]",
    "lib/a.S:8: Error: table: memory exhausted",
    '        pr_err("%s: out of memory\\n", n);',
    '\tpr_err("%s: Cannot allocate memory (%d)\\n",',
    "        return -EMFILE; /* note: Too many open files */",
    "        names[Killed] = 0;",
    'asm("x: out of memory");',
    '#define WHY "fork: Resource temporarily unavailable"',
    "make[2]: *** [Makefile:250: Killed.o] Error 1",
    "make[2]: *** [Makefile:250: lib/a.o] Error 127",
]


@pytest.mark.parametrize("line", INNOCENT)
def test_words_in_quoted_source_and_in_names_accuse_nobody(tmp_path: Path, line: str) -> None:
    assert broken(tmp_path, f"{REASON}\n{line}\n{MAKE_SAYS}").because == REASON


@pytest.mark.parametrize(
    "line",
    [
        '    say("No space left on device");',
        "/bin/sh: 1: ./scripts/made-up.sh: not found",
    ],
    ids=["clang before 17 quotes without a margin", "a script that the commit does not have"],
)
def test_the_commit_s_own_words_and_files_do_not_accuse_our_machine(tmp_path: Path, line: str) -> None:
    assert broken(tmp_path, f"lib/a.c:8:2: error: no such name\n{line}\n{MAKE_SAYS}").commit == COMMIT.id
