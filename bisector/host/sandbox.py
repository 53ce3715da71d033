"""What may a build see and touch of this machine? (the home of bubblewrap)

A commit's Makefile is a program of a stranger's. It runs in namespaces of its own: no network, no other processes, no
privileges, and a file system of nothing but the system's programs, the sources and the objects, at the very paths
that they have outside: so kernels come out the same, bit for bit, with and without it.
"""

from __future__ import annotations

import errno
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bisector.errors import HostError, UserError
from bisector.host import seccomp

IN_FORCE, OFF = "bubblewrap", "none: it was switched off"
DENIES = (
    "no network, no home directory, no processes but its own, no privileges; sources and system read-only; "
    "writable are the objects, ccache's objects and a /tmp of its own"
)
# On a file system in memory: empty at each call, and gone after it.
SCRATCH, HOME = "/tmp", "/tmp/home"
# Seconds: a trial takes some 10 ms.
TRIAL = 30.0
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/libx32", "/lib64", "/nix/store", "/gnu/store")
# Debian's choices of compilers, the linker's cache, and what perl and openssl read. No passwd, no ssl/private.
_SETTINGS = ("/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/perl", "/etc/ssl/openssl.cnf")
# Where other people's, and our own, keys and histories are.
_HOMES = ("/home", "/root", "/var", "/run")
# What a toolchain's directory has beside bin; the directory itself may be ~/.local, or the home.
_TOOLCHAIN = ("bin", "lib", "lib32", "lib64", "libexec", "include")


@dataclass(frozen=True, slots=True)
class Walls:
    """What a command has beside the system's programs. `scratch`: bytes that its /tmp may hold."""

    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    scratch: int = 1 << 30


def inside(walls: Walls, argv: Sequence[str], filtered: int | None) -> list[str]:
    """Return argv in bubblewrap. The environment is the caller's of it: hand over none that says too much.

    `filtered`: the descriptor of its filter of system calls, see `seccomp`, which bubblewrap must inherit.

    `--die-with-parent` at both ends: whoever of the chain is killed, the kernel ends all that is inside.
    """
    words = ["bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL", "--die-with-parent"]
    words += ["--hostname", "bisector", *(["--seccomp", str(filtered)] if filtered is not None else [])]
    for place in _SYSTEM:
        if os.path.islink(place):
            words += ["--symlink", os.readlink(place), place]
        elif os.path.isdir(place):
            words += ["--ro-bind", place, place]
    for place in _SETTINGS:
        words += ["--ro-bind-try", place, place]
    words += ["--proc", "/proc", "--dev", "/dev", "--size", str(walls.scratch), "--tmpfs", "/tmp", "--dir", HOME]
    binds = [(path, "--ro-bind") for path in walls.readable] + [(path, "--bind") for path in walls.writable]
    # A directory after those that it lies in, or it would be hidden below them.
    for path, how in sorted(binds, key=lambda bind: len(bind[0].parts)):
        words += [how, str(path), str(path)]
    # Both are kept in memory, without a bound of their own.
    return [*words, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--", *argv]


def why_not() -> str:
    """Return why bubblewrap cannot be used here, "" if it can: it is tried, for much can forbid it."""
    if shutil.which("bwrap") is None:
        return "bwrap is not installed"
    try:
        with seccomp.filtering() as filtered:
            done = subprocess.run(
                inside(Walls(), ["true"], filtered),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TRIAL,
                check=False,
                pass_fds=() if filtered is None else (filtered,),
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bwrap does not work here ({error})"
    said = done.stderr.decode(errors="backslashreplace").strip().splitlines() or [f"exit code {done.returncode}"]
    return "" if done.returncode == 0 else f"bwrap does not work here ({said[0]})"


def chosen(mode: str) -> str:
    """Return what is in force under `auto`, `require` or `off`: IN_FORCE, or `none: ` and why. Raises UserError."""
    if mode == "off":
        return OFF
    why = why_not()
    if why and mode == "require":
        raise UserError(f"there is no sandbox for builds: {why}", "install bubblewrap, or use --sandbox auto")
    return f"none: {why}" if why else IN_FORCE


def still(chosen: str) -> None:
    """Refuse to go on without the sandbox under which a session began. Raises HostError.

    A trial can fail in passing, for memory or processes: a session is never taken out of its sandbox for that.
    """
    if chosen == IN_FORCE and (why := why_not()):
        raise HostError(f"the session's builds run in bubblewrap, and now {why}", "mend that, then resume")


def says(chosen: str) -> str:
    """Return what is in force, for a reader of the report. Raises HostError as `still` does."""
    if chosen != IN_FORCE:
        return f"{chosen}; builds can do whatever their user can"
    still(chosen)
    done = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, timeout=TRIAL, check=False)
    machine = os.uname().machine
    lacking = "" if seccomp.known(machine) else f"; on {machine} its sockets' families are not limited"
    return f"{done.stdout.strip()}: {DENIES}{lacking}"


def odd(root: Path, name: str, most: int) -> str:
    """Return why a file below `root` must not be opened by us, "" if it is a plain one or is not there.

    What a build left is a stranger's: a link leads out of its walls as soon as somebody outside follows it, and a
    pipe is waited at for ever. Nothing of the build may run any more.
    """
    path = root
    for part in Path(name).parts:
        path = path / part
        try:
            found = path.lstat()
        except OSError as error:
            gone = error.errno in (errno.ENOENT, errno.ENOTDIR)
            return "" if gone else "and it cannot be looked at"
        if stat.S_ISLNK(found.st_mode):
            return f"and {path.relative_to(root)} is a link"
    if not stat.S_ISREG(found.st_mode):
        return "and it is no plain file"
    if not os.access(path, os.R_OK):
        return "and it cannot be read"
    return f"and it has more than {most >> 20} MiB" if found.st_size > most else ""


def search_path(path: str) -> str:
    """Return PATH without what is relative: it would be looked up in a stranger's directory."""
    return os.pathsep.join(entry for entry in path.split(os.pathsep) if os.path.isabs(entry))


def toolchains(path: str, programs: Iterable[str], machine: str) -> tuple[Path, ...]:
    """Return the directories beside the system's from which programs are run.

    All of PATH's that lie in nobody's home; and of a home only the toolchains that `programs` come from, without
    what else lies beside them. `machine`: the compiler's name of its target, a directory of its own.
    """
    homes = _homes()
    entries = [Path(entry) for entry in search_path(path).split(os.pathsep) if entry]
    found = {entry for entry in entries if _usable(entry) and not _at_home(entry, homes)}
    for program in programs:
        if (place := shutil.which(program, path=path)) is not None:
            # A link to the program, and where it leads: a compiler finds its parts beside its real self.
            for where in (Path(place), Path(place).resolve()):
                found |= set(_parts(where, machine, homes))
    return tuple(sorted(entry for entry in found if not _in_system(entry)))


def _parts(program: Path, machine: str, homes: Sequence[Path]) -> Iterator[Path]:
    if program.parent.name != "bin":
        if not _holds_home(program.parent.resolve(), homes):
            yield program.parent
        return
    for name in (*_TOOLCHAIN, machine):
        part = program.parent.parent / name
        if name and _usable(part):
            yield part


def _usable(path: Path) -> bool:
    # Path.is_dir() raises where we may not look.
    return os.path.isdir(path) and os.access(path, os.R_OK | os.X_OK)


def _in_system(path: Path) -> bool:
    return any(path.is_relative_to(place) for place in _SYSTEM)


def _homes() -> tuple[Path, ...]:
    known = [Path(place) for place in _HOMES] + [Path(os.environ.get("HOME") or "/root")]
    with suppress(KeyError):  # a user without a name has no home of record
        known.append(Path(pwd.getpwuid(os.getuid()).pw_dir))
    return tuple(known)


def _at_home(path: Path, homes: Sequence[Path]) -> bool:
    """Tell whether the directory lies in somebody's home, or is one, or holds one."""
    real = path.resolve()
    inside = any(path.is_relative_to(home) or real.is_relative_to(home) for home in homes if home.name)
    return inside or _holds_home(real, homes)


def _holds_home(real: Path, homes: Sequence[Path]) -> bool:
    return any(home.is_relative_to(real) for home in homes)
