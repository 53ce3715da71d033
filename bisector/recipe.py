"""How are this session's kernels made: make's words, its environment, its walls and its bounds? (pure)"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from bisector import kconfig, trust
from bisector.arches import Architecture
from bisector.errors import HostError
from bisector.host import process, sandbox

_REPRODUCIBLE = {
    "KBUILD_BUILD_USER": "bisector",
    "KBUILD_BUILD_HOST": "bisector",
    "KBUILD_BUILD_VERSION": "1",
    "KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:00 UTC 1970",
}
# ccache's directory in an object directory that is filled from nothing.
CACHE = ".bisector-ccache"
# Where ccache goes by dependency files, it compiles what is given an option for the preprocessor that it does not
# know, and takes nothing out of the cache for it. To the compiler this one says nothing.
NEVER_CACHED = "-Wp,-Wno-unused-macros"
# What a build asks beside its compiler, or looks for: without it Kconfig leaves an option off, and says nothing.
_TOOLS = ("gcc", "make", "bc", "flex", "bison", "perl", "python3", "openssl", "pahole", "rustc", "bindgen")
# Beside the worktree: the compilers' temporary files, where no sandbox gives them a place of their own.
TEMPORARY = "tmp"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How kernels are made in this session: the same for every commit.

    `llvm`: make's LLVM= value ("" for gcc; "1", "-14" …). `ccache`: directory, None for no ccache. `anew`: ccache
    reads and writes nothing. `plain`: ccache may go by dependency files. `walled`: make runs in a sandbox. `memory`,
    `disk`: bytes that a build may use, 0 for no bound; `tasks`: 0 for what `jobs` need.
    """

    architecture: Architecture
    options: tuple[kconfig.Option, ...]
    cross_compile: str
    llvm: str
    jobs: int
    ccache: str | None
    anew: bool = False
    plain: bool = False
    walled: bool = False
    memory: int = 0
    disk: int = 0
    tasks: int = 0

    def compiler(self) -> str:
        """Return the compiler's program name."""
        if self.llvm:
            return f"clang{self._version()}"
        return f"{self.cross_compile}gcc"

    def linker(self) -> str:
        """Return the linker's program name; the assembler comes with it, or with the compiler."""
        return f"ld.lld{self._version()}" if self.llvm else f"{self.cross_compile}ld"

    def made_by(self) -> str:
        """Return what tells one compiler's or linker's objects from another's. Raises HostError."""
        words = (self.compiler(), self.architecture.name, self.cross_compile, self.llvm)
        return "\n".join((*words, *(process.output([one, "--version"]) for one in (self.compiler(), self.linker()))))

    def _version(self) -> str:
        return self.llvm if self.llvm.startswith("-") else ""

    def identity(self) -> dict[str, object]:
        """Return all that decides which image a source becomes, but for the source: words, options, programs."""
        words = self.make(Path("tree"), Path("objects"))
        tools = () if self.llvm else tuple(f"{self.cross_compile}{tool}" for tool in ("as", "objcopy"))
        return {
            "words": [word for word in words if not word.startswith("-j")],
            "environment": _REPRODUCIBLE,
            # A required option that is lost leaves no kernel, a wanted one another kernel.
            "options": [[str(option), option.required] for option in self.options],
            "walled": self.walled,
            "programs": [
                _program(name) for name in (self.compiler(), self.linker(), *tools, *_TOOLS, *self._behind())
            ],
            "compilers": [_said(name, "--version") for name in (self.compiler(), "gcc")],
        }

    def _behind(self) -> tuple[str, ...]:
        """Return the files that work for the compiler: it may itself be a link to ccache, or somebody's script."""
        plugins = _said(self.compiler(), "-print-file-name=plugin")
        return _said(self.compiler(), "-print-prog-name=cc1"), f"{plugins}/include/plugin-version.h"

    def make(self, tree: Path, objects: Path, *targets: str) -> list[str]:
        """Return make's argv for these targets."""
        words = ["make", "-C", str(tree), f"O={objects}", f"ARCH={self.architecture.name}", "LOCALVERSION="]
        words += [f"LLVM={self.llvm}"] if self.llvm else [f"CROSS_COMPILE={self.cross_compile}"]
        # With debug information the directories would come into the kernel, and no two are the same. The assembler
        # looks for them without a slash at the end, and what -include names is found from "./".
        maps = (f"{objects}=.", f"{tree}=.", f"../{tree.name}=.", f"./../{tree.name}=.")
        renamed, apart = " ".join(f"-fdebug-prefix-map={one}" for one in maps), ""
        if self.ccache is not None:
            words.append(f"CC=ccache {self.compiler()}")
            # With its own preprocessor it names the sources from the objects' directory. By whatever name, none of it
            # comes into the kernel.
            known_as = f"{tree}" if self.anew or self.plain else f"../{tree.name}"
            renamed += f" -fmacro-prefix-map={known_as}/="
            # The vDSO is taken into the kernel by an assembler source, and no dependency file says so.
            apart = f" {NEVER_CACHED}" if self.plain and not self.anew else ""
        words += [f"KCFLAGS={renamed}", f"KAFLAGS={renamed}{apart}"]
        return [*words, f"-j{self.jobs}", *targets]

    def environment(self, tree: Path) -> dict[str, str]:
        """Return make's whole environment: nothing of the caller's but PATH and HOME, in the sandbox but PATH."""
        if self.walled:
            kept = {"PATH": sandbox.search_path(os.environ.get("PATH", os.defpath)), "HOME": sandbox.HOME}
        else:
            kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
            # What a killed compiler leaves goes when the workspace is opened again.
            kept["TMPDIR"] = str(tree.parent / TEMPORARY)
        cached = {}
        if self.ccache is not None and self.anew:
            cached = {"CCACHE_DISABLE": "1"}
        elif self.ccache is not None:
            cached = {"CCACHE_DIR": self.ccache, "CCACHE_BASEDIR": str(tree)}
            # By its own preprocessor each source that it lacks is read twice.
            cached |= {"CCACHE_DEPEND": "1"} if self.plain else {}
            # Its temporary files too: those of a killed ccache would stay for ever.
            cached["CCACHE_TEMPDIR"] = sandbox.SCRATCH if self.walled else kept["TMPDIR"]
        if self.walled and cached:
            # Not the cache's own: there a build could name a program that wraps the compiler of all others.
            cached["CCACHE_CONFIGPATH"] = "/dev/null"
        return kept | cached | _REPRODUCIBLE | {"LC_ALL": "C"}

    def walls(self, tree: Path, objects: Path) -> sandbox.Walls | None:
        """Return what make may see of this machine, None for all of it."""
        if not self.walled:
            return None
        programs = ("make", self.compiler(), self.linker(), "ccache")
        machine = self.cross_compile.rpartition("/")[2].rstrip("-")
        readable = sandbox.toolchains(os.environ.get("PATH", os.defpath), programs, machine)
        # Our own notes among the objects are not make's to forge.
        readable = (*readable, *trust.notes(objects))
        cache = self.cache()
        writable = (objects, *([cache] if cache is not None else []))
        return sandbox.Walls((*readable, tree), writable, scratch=max(1 << 28, self.memory // 4))

    def with_jobs(self, jobs: int) -> Recipe:
        """Return the recipe with fewer compilers at a time, and the same bounds."""
        return replace(self, jobs=jobs, tasks=self.tasks or self.most_tasks())

    def most_tasks(self) -> int:
        """Return how many processes and threads a build may have.

        A compiler is five processes, and LTO's linker has a thread for each processor.
        """
        return self.tasks or 512 + 32 * self.jobs

    def cache(self) -> Path | None:
        """Return the directory of ccache that builds share, None if none is read or written."""
        if self.ccache is None or self.anew or Path(self.ccache).name == CACHE:
            return None
        return Path(self.ccache)

    def bounds(self, objects: Path) -> process.Bounds:
        """Return what a build may use."""
        return process.Bounds(self.most_tasks(), self.memory, self.disk, objects, self.cache())

    def from_nothing(self, objects: Path, *, alone: bool) -> Recipe:
        """Return the recipe that reads nothing which another build wrote.

        A Makefile can write into ccache's directory whatever it likes under any other commit's key. `alone`: the
        compiler runs without ccache, which takes less time. Else through an empty cache of its own: the
        sources then have the very names that they have in other builds, should an option bring those into the kernel.
        """
        if self.ccache is None or alone:
            return replace(self, anew=True)
        return replace(self, ccache=str(objects / CACHE))


def _said(program: str, *words: str) -> str:
    """Return what a program says, "" if there is none: plans are made without one."""
    try:
        return process.output([program, *words]).strip()
    except HostError as error:
        if error.transient:  # killed: it would say something another time
            raise
        return ""


def _program(name: str) -> list[str | int]:
    """Return what tells a program from its next version, as ccache does: its file's size and time."""
    there = shutil.which(name) or name
    # What is not found stays a name: realpath would put the directory before it that bisector is called in.
    if not os.path.isabs(there) or not os.path.exists(there):
        return [name]
    path = os.path.realpath(there)
    found = os.stat(path)
    return [path, found.st_size, found.st_mtime_ns]
