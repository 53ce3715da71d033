"""Does this commit make a kernel? Commit and kconfig fragments -> Kernel or BrokenBuild.

The configuration is made afresh at every commit: a .config that once lost an option keeps it off at every
later commit, without a word. Build user, host, time and version are fixed, so that the same source gives
the same image, bit for bit.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bisector import buildlog, kconfig, trust
from bisector import keep as keeping
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

    def made_by(self) -> tuple[str, ...]:
        """Return what tells one compiler's objects from another's, its program first."""
        return (self.compiler(), self.architecture.name, self.cross_compile, self.llvm)

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


def fresh_config(recipe: Recipe, tree: Path, objects: Path, log: Path) -> str | None:
    """Make `.config` afresh; return its text, or None if make failed (the log says why). Raises HostError.

    An equal .config keeps its time stamp: kbuild would otherwise read every Kconfig file once more.
    """
    config = objects / ".config"
    before = (config.read_bytes(), config.stat()) if config.exists() else None
    for target in ("tinyconfig", "olddefconfig"):
        argv, environment = recipe.make(tree, objects, target), recipe.environment(tree)
        done = process.run(argv, env=environment, log=log, seconds=CONFIG_SECONDS)
        _in_time(done, CONFIG_SECONDS, log)
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


def _in_time(done: process.Finished, seconds: float, log: Path) -> None:
    if done.overdue:
        raise HostError(f"make did not end within {seconds / 60:.0f} minutes", f"see {log}")
    if done.code >= 126:
        # 126, 127: make could not be run; more: it died of a signal. make's own failures are 1 and 2.
        raise HostError(f"make ended with exit code {done.code}", f"see {log}", transient=done.code > 127)


def kernel(
    recipe: Recipe,
    commit: Commit,
    *,
    tree: Path,
    objects: Path,
    into: Path,
    log: Path,
    on_object: Callable[[int], None],
    clean: bool = False,
) -> Kernel | BrokenBuild:
    """Build the commit that is checked out in `tree`; keep image, System.map and .config below `into`.

    A failure is the commit's only if it happens twice, with the same first error. `on_object` is told how
    many objects were made so far; `clean` says that `objects` was empty, and is noted with the kernel. Raises
    HostError if our machine failed.
    """
    log.unlink(missing_ok=True)
    with trust.building(objects):
        first = _attempt(recipe, commit, tree, objects, log, recipe.jobs, on_object)
        if isinstance(first, BrokenBuild) and not first.because.startswith("CONFIG_"):
            second = _attempt(recipe, commit, tree, objects, log, 1, on_object)
            if second != first:
                said = "nothing" if second is None else second.because
                raise HostError(
                    f"make failed ({first.because}), and with one job it said: {said}", f"see {log}", transient=True
                )
    return first or _kept(recipe, commit, objects, into, clean)


def _attempt(
    recipe: Recipe,
    commit: Commit,
    tree: Path,
    objects: Path,
    log: Path,
    jobs: int,
    on_object: Callable[[int], None],
) -> BrokenBuild | None:
    """Configure and make once; return why it failed, None if it did not."""
    begin = log.stat().st_size if log.exists() else 0
    config = fresh_config(recipe, tree, objects, log)
    if config is None:
        return broken(commit, log, tree, begin)
    if (gone := kconfig.lost(recipe.options, config)) is not None:
        return BrokenBuild(commit.id, f"{gone.name} vanished (needed: {gone.who})")
    made = 0

    def count(line: str) -> None:
        nonlocal made
        if _OBJECT.match(line):
            made += 1
            on_object(made)

    argv = replace(recipe, jobs=jobs).make(tree, objects, recipe.architecture.image)
    done = process.run(argv, env=recipe.environment(tree), log=log, seconds=BUILD_SECONDS, on_line=count)
    _in_time(done, BUILD_SECONDS, log)
    if done.code != 0:
        return broken(commit, log, tree, begin)
    if buildlog.skewed(_lines(log, begin)):
        trust.emptied(objects)
        raise HostError(
            "make found files that are newer than this machine's clock",
            "the objects were thrown away; set the clock, then resume",
            transient=True,
        )
    return None


def _kept(recipe: Recipe, commit: Commit, objects: Path, into: Path, clean: bool) -> Kernel | BrokenBuild:
    """Copy what make left to the session: the next build overwrites it."""
    image = objects / recipe.architecture.image_path
    build_id = elf.build_id(objects / "vmlinux") if (objects / "vmlinux").exists() else None
    if not image.exists() or build_id is None:
        lacking = recipe.architecture.image_path if not image.exists() else "build id in vmlinux"
        return BrokenBuild(commit.id, f"make succeeded, but there is no {lacking}")
    kernel = Kernel(
        commit=commit.id,
        image=str(into / image.name),
        system_map=str(into / "System.map"),
        build_id=build_id,
        config=str(into / "config"),
        compiler=recipe.compiler(),
    )
    sources = [path for path in (image, objects / "System.map", objects / ".config", objects / TINY) if path.exists()]
    keeping.keep(kernel, sources, clean=clean)
    return kernel


def _lines(log: Path, begin: int) -> list[str]:
    """Return the log's lines from a byte on, without our own commands."""
    with log.open("rb") as stream:
        stream.seek(begin)
        text = stream.read().decode(errors="backslashreplace")
    return [line for line in text.splitlines() if not line.startswith("$ ")]


def broken(commit: Commit, log: Path, tree: Path, begin: int = 0) -> BrokenBuild:
    """Read from a failed build's log why it failed. Raises HostError if it was our machine.

    `begin`: the byte at which this attempt's lines begin. Paths below `tree` are told as the commit has them
    (ccache makes them relative to the object directory).
    """
    because = buildlog.because(_lines(log, begin))
    return BrokenBuild(commit.id, because.replace(f"{tree}/", "").replace(f"../{tree.name}/", ""))
