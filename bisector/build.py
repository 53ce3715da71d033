"""Does this commit make a kernel? Commit and kconfig fragments -> Kernel or BrokenBuild.

The configuration is made afresh at every commit: a .config that once lost an option keeps it off at every
later commit, without a word. Build user, host, time and version are fixed, so that the same source gives
the same image, bit for bit.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bisector import kconfig
from bisector.arches import Architecture
from bisector.errors import HostError
from bisector.host import elf, process
from bisector.model import BrokenBuild, Commit, Kernel

_REPRODUCIBLE = {
    "KBUILD_BUILD_USER": "bisector",
    "KBUILD_BUILD_HOST": "bisector",
    "KBUILD_BUILD_VERSION": "1",
    "KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:00 UTC 1970",
}
# Where tinyconfig's result is kept, to tell what the fragments changed. Not `tiny.config`: that is the name of
# a make target which tinyconfig calls, and a file of that name would make it "up to date", silently.
TINY = "tinyconfig.result"
# Seconds: a clean build of the tiny kernel takes 3 to 6 minutes on two cores; defconfig's hours are not ours.
CONFIG_SECONDS, BUILD_SECONDS = 600.0, 4 * 3600.0
# One object, as kbuild says it: "  CC      kernel/fork.o".
_OBJECT = re.compile(r"\s{2}(?:CC|AS|LD|AR|HOSTCC|OBJCOPY)\s+(?:\[M\]\s+)?\S+")

# What a log says when it was our machine and not the commit. All anchored to the line's end or to who says it,
# since compilers quote source lines, and those may hold any words. Measured: gcc's driver says "Killed signal
# terminated program cc1" when the OOM killer took cc1, make says "Killed" when it took make's own child.
_DOCTOR = "bisector doctor says what is missing"
_HEADERS, _TOOL = "host headers are missing", "a build tool is missing"
_OURS: tuple[tuple[re.Pattern[str], str, str, bool], ...] = (
    (re.compile(r": No space left on device\W*$"), "the disk is full", "make room, then resume", False),
    (re.compile(r": Disk quota exceeded\W*$"), "the disk quota is used up", "make room, then resume", False),
    (re.compile(r": Read-only file system\W*$"), "the file system is read-only", "", False),
    (re.compile(r": Input/output error\W*$"), "the disk reports an input/output error", "", False),
    (
        re.compile(
            r": fatal error: Killed signal terminated|^Killed$|\] Killed$|^\S*sh: .*\bKilled\b|: [Oo]ut of memory"
            r"|: virtual memory exhausted|: Cannot allocate memory\W*$"
        ),
        "a compiler was killed or ran out of memory",
        "use fewer --jobs, or free memory",
        True,
    ),
    (re.compile(r": fatal error: (?:openssl|libelf|gelf)\S*: No such file"), _HEADERS, _DOCTOR, False),
    # A name without a slash: a program of the machine's. A path is a script of the commit's own.
    (re.compile(r"^(?:/\S*/)?(?:ba|da)?sh: (?:line )?\d+: [^/\s]+: (?:command )?not found"), _TOOL, _DOCTOR, False),
    (
        re.compile(r"^make\S*: [^/\s]*(?:gcc|clang|ld|bison|flex|bc): No such file"),
        _TOOL,
        _DOCTOR,
        False,
    ),
    (re.compile(r"error trying to exec '\S+': "), "the compiler is not whole", "install it again", False),
)
# The first line that says why, in the order in which compilers, assemblers, linkers and kbuild say it.
_ERRORS = re.compile(
    r"^\S+?:\d+(?::\d+)?:\s*(?:fatal )?error: .*"
    r"|^ERROR: .*"
    r"|^.*: error: .*"
    r"|^\S+:\d+: (?:Error|syntax error|unknown|invalid)\b.*"
    r"|^\S*ld\S*: .*(?:undefined reference|multiple definition|cannot find|undefined symbol|duplicate symbol).*"
    r"|^\S*ld\S*: .*(?:region|overflow).*"
    r"|^\S+: undefined reference to .*"
    r"|^\S+:\(\S+\): undefined reference to .*"
    r"|^Error: .*"
    r"|^\*\*\* .*"
)
_QUOTED = re.compile(r"\s*\d* \|")
_MAKE_ERROR = re.compile(r"^make(?:\[\d+\])?: \*\*\* .*")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How kernels are made in this session: the same for every commit.

    `llvm`: make's LLVM= value ("" for gcc; "1", "-14" …). `ccache`: directory, None for no ccache.
    """

    architecture: Architecture
    options: tuple[kconfig.Option, ...]
    cross_compile: str
    llvm: str
    jobs: int
    ccache: str | None

    def compiler(self) -> str:
        """Return the compiler's program name."""
        if self.llvm:
            return "clang" + (self.llvm if self.llvm.startswith("-") else "")
        return f"{self.cross_compile}gcc"

    def make(self, tree: Path, objects: Path, *targets: str) -> list[str]:
        """Return make's argv for these targets."""
        words = ["make", "-C", str(tree), f"O={objects}", f"ARCH={self.architecture.name}", "LOCALVERSION="]
        words += [f"LLVM={self.llvm}"] if self.llvm else [f"CROSS_COMPILE={self.cross_compile}"]
        if self.ccache is not None:
            words.append(f"CC=ccache {self.compiler()}")
        return [*words, f"-j{self.jobs}", *targets]

    def environment(self, tree: Path) -> dict[str, str]:
        """Return make's whole environment: nothing of the caller's but PATH and HOME."""
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "TMPDIR") if key in os.environ}
        cached = {"CCACHE_DIR": self.ccache, "CCACHE_BASEDIR": str(tree)} if self.ccache is not None else {}
        return kept | cached | _REPRODUCIBLE | {"LC_ALL": "C"}


def fresh_config(recipe: Recipe, tree: Path, objects: Path, log: Path) -> str | BrokenBuild | None:
    """Make `.config` afresh; return its text, or None if make failed (the log says why).

    An equal .config keeps its time stamp: kbuild would otherwise read every Kconfig file once more.
    """
    config = objects / ".config"
    before = (config.read_bytes(), config.stat()) if config.exists() else None
    for target in ("tinyconfig", "olddefconfig"):
        done = process.run(
            recipe.make(tree, objects, target),
            env=recipe.environment(tree),
            log=log,
            seconds=CONFIG_SECONDS,
        )
        if done.code != 0 or not config.exists():
            return None
        if target == "tinyconfig":
            shutil.copyfile(config, objects / TINY)
            with config.open("a") as stream:
                stream.writelines(f"{option}\n" for option in recipe.options)
    text = config.read_bytes()
    if before is not None and before[0] == text:
        os.utime(config, ns=(before[1].st_atime_ns, before[1].st_mtime_ns))
    return text.decode(errors="backslashreplace")


def kernel(
    recipe: Recipe,
    commit: Commit,
    *,
    tree: Path,
    objects: Path,
    into: Path,
    log: Path,
    on_object: Callable[[int], None],
) -> Kernel | BrokenBuild:
    """Build the commit that is checked out in `tree`; keep image, System.map and .config below `into`.

    `on_object` is told how many objects were made so far. Raises HostError if our machine failed.
    """
    log.unlink(missing_ok=True)
    config = fresh_config(recipe, tree, objects, log)
    if not isinstance(config, str):
        return broken(commit, log, tree)
    if (gone := kconfig.lost(recipe.options, config)) is not None:
        return BrokenBuild(commit.id, f"{gone.name} vanished (needed: {gone.who})")
    made = 0

    def count(line: str) -> None:
        nonlocal made
        if _OBJECT.match(line):
            made += 1
            on_object(made)

    done = process.run(
        recipe.make(tree, objects, recipe.architecture.image),
        env=recipe.environment(tree),
        log=log,
        seconds=BUILD_SECONDS,
        on_line=count,
    )
    if done.overdue:
        raise HostError(f"make did not end within {BUILD_SECONDS / 3600:.0f} hours", f"see {log}")
    if done.code != 0:
        return broken(commit, log, tree)
    return _kept(recipe, commit, objects, into)


def _kept(recipe: Recipe, commit: Commit, objects: Path, into: Path) -> Kernel | BrokenBuild:
    """Copy what make left to the session: the next build overwrites it."""
    image = objects / recipe.architecture.image_path
    build_id = elf.build_id(objects / "vmlinux") if (objects / "vmlinux").exists() else None
    if not image.exists() or build_id is None:
        lacking = recipe.architecture.image_path if not image.exists() else "build id in vmlinux"
        return BrokenBuild(commit.id, f"make succeeded, but there is no {lacking}")
    part = into.with_name(f"{into.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        for source in (image, objects / "System.map", objects / ".config", objects / TINY):
            if source.exists():
                shutil.copyfile(source, part / source.name.lstrip("."))
    except OSError as error:
        raise HostError(f"cannot keep the kernel: {error}", "make room, then resume") from error
    shutil.rmtree(into, ignore_errors=True)
    part.rename(into)
    return Kernel(
        commit=commit.id,
        image=str(into / image.name),
        system_map=str(into / "System.map"),
        build_id=build_id,
        config=str(into / "config"),
        compiler=recipe.compiler(),
    )


def broken(commit: Commit, log: Path, tree: Path) -> BrokenBuild:
    """Read from a failed build's log why it failed. Raises HostError if it was our machine.

    Paths below `tree` are told as the commit has them (ccache makes them relative to the object directory).
    """
    with log.open(errors="backslashreplace") as stream:
        lines = [line.rstrip("\n") for line in stream]
    for line in lines:
        # Our own command, and the source lines that compilers quote ("  12 | …"), accuse nobody.
        if line.startswith("$ ") or _QUOTED.match(line):
            continue
        for pattern, message, hint, transient in _OURS:
            if pattern.search(line):
                raise HostError(f"{message}: {line.strip()}", hint, transient=transient)
    because = first_error(lines).replace(f"{tree}/", "").replace(f"../{tree.name}/", "")
    return BrokenBuild(commit.id, because)


def first_error(lines: Sequence[str]) -> str:
    """Return the first line that says why a build failed, make's own complaint if no better one is there."""
    for pattern in (_ERRORS, _MAKE_ERROR):
        for line in lines:
            if pattern.match(line) and not line.startswith("$ ") and not _QUOTED.match(line):
                return line.strip()[:300]
    return "make failed without saying why"
