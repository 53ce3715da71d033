"""How does a session come to its bench? Settings -> repository, workspace, recipe, machine, probe."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import platformdirs

from bisector import checkout, kconfig
from bisector.ahead import Ahead
from bisector.arches import architecture
from bisector.bench import Bench
from bisector.boot import Machine
from bisector.claiming import STORE
from bisector.errors import HostError, UserError
from bisector.evidence import limits
from bisector.guest import compile as guest
from bisector.guest import initramfs
from bisector.host import files, process, sandbox
from bisector.host.repository import Repository
from bisector.model import Commit
from bisector.recipe import NEVER_CACHED, Recipe
from bisector.reuse import taking
from bisector.reuse.store import Store, named
from bisector.settings import Settings

FRAGMENTS = ("base.config", "arm64.config", "sigtrap.config")
# Boots side by side, and the bytes of free memory that there must be for each.
MOST_ABREAST, ABREAST = 8, 512 << 20
# Processes that build ahead, for a step has two verdicts; and the cores for which there is one.
MOST_AHEAD, CORES_AHEAD = 2, 4
# The nonce of the initramfs that is kept for booting by hand; no boot of ours ever uses it.
BY_HAND = "0" * 16
CAVEAT = {
    "tcg": "emulated by QEMU (TCG): debug registers and single-stepping are QEMU's, and interrupt timing is not "
    "hardware's, so an outcome that depends on a race may read differently on a machine",
    "kvm": "on this host's processor (KVM), with its own debug registers and timing: an outcome may be flaky",
}


def kconfigs() -> Path:
    """Return the directory of the fragments: in the wheel beside the package, in a checkout above it."""
    package = Path(str(resources.files("bisector")))
    inside = package / "kconfigs"
    return inside if inside.is_dir() else package.parent / "kconfigs"


def fragment(extra: Sequence[Path] = ()) -> str:
    """Return all option lines, ours and then the person's. Raises UserError for a line that is none."""
    texts = []
    for path in (*(kconfigs() / name for name in FRAGMENTS), *extra):
        try:
            text = files.read(path).decode("utf-8-sig")
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror}", "--fragment names a file") from error
        except UnicodeDecodeError as error:
            raise UserError(f"{path} is not UTF-8: {error}", "--fragment names a text of kconfig lines") from error
        kconfig.options(text, path.name)
        texts.append(text)
    return "\n".join(texts)


def cache() -> Path:
    """Return the directory of what any state directory may share: the compiled probe, ccache's objects."""
    return Path(platformdirs.user_cache_dir("bisector"))


def _caches(sandboxed: str) -> str:
    return str(cache() / ("ccache-sandboxed" if sandboxed == sandbox.IN_FORCE else "ccache"))


def ccache(wanted: bool, sandboxed: str) -> str | None:
    """Return ccache's directory, None if ccache is not installed or not wanted.

    What a sandboxed build writes there, its settings too, must not be read outside of a sandbox.
    """
    return _caches(sandboxed) if wanted and shutil.which("ccache") else None


def require_own_cache(settings: Settings) -> None:
    """Refuse a journal that names another directory for ccache: builds may write there. Raises UserError."""
    if settings.ccache not in (None, _caches(settings.sandbox)):
        raise UserError(
            f"the session keeps ccache's objects in {settings.ccache!r}, which is not {_caches(settings.sandbox)}",
            "set XDG_CACHE_HOME as it was, or start a new session",
        )


def memory() -> int:
    """Return the bytes that a build may take of this machine's memory: three quarters."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4 * 3


def tried(made: Recipe) -> Recipe:
    """Return a recipe as this machine's ccache allows it."""
    if made.ccache is None or not made.plain:
        return made
    return replace(made, plain=taking.seen(cache(), made.compiler(), NEVER_CACHED))


def recipe(settings: Settings) -> Recipe:
    """Return how this session's kernels are made."""
    return Recipe(
        architecture=architecture(settings.arch),
        options=kconfig.options(settings.fragment, "the session's fragment"),
        cross_compile=settings.cross_compile,
        llvm=settings.llvm,
        jobs=settings.jobs,
        ccache=settings.ccache if settings.ccache and shutil.which("ccache") else None,
        # Options that are not ours may bring names of sources into the kernel (UBSAN), or let a C source take a file
        # in (IKCONFIG): ccache's own preprocessor knows how to do with these.
        plain=settings.fragment == fragment(),
        walled=settings.sandbox == sandbox.IN_FORCE,
        memory=settings.build_memory,
        disk=settings.build_disk,
    )


def machine(settings: Settings, *, here: bool = True) -> Machine:
    """Return this session's virtual machine. Raises UserError if it shall run `here` on KVM and cannot."""
    row = architecture(settings.arch)
    able = os.uname().machine == row.host_machine and os.access("/dev/kvm", os.W_OK)
    if here and settings.accel == "kvm" and not able:
        raise UserError(f"there is no KVM for {row.name} on this host", "leave out --accel kvm: emulation works")
    return Machine(row, settings.accel, settings.cpu)


def ahead() -> int:
    """Return how many processes build ahead on this machine: none where a build has use for all of it."""
    return min(MOST_AHEAD, len(os.sched_getaffinity(0)) // CORES_AHEAD)


def abreast(settings: Settings) -> int:
    """Return how many boots may run side by side: one for each core, as far as builds may use them too.

    Not under KVM: a guest whose clock is the host's could do another thing because of the others.
    """
    cores = min(settings.jobs, len(os.sched_getaffinity(0)), MOST_ABREAST)
    able = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // ABREAST
    return max(1, min(cores, able)) if settings.accel == "tcg" else 1


def probe_compiler(settings: Settings) -> list[str]:
    """Return the argv that compiles the probe: always for the guest's architecture."""
    if settings.llvm:
        return [recipe(settings).compiler(), f"--target={settings.cross_compile.rstrip('-')}"]
    return [recipe(settings).compiler()]


def versions(settings: Settings) -> dict[str, str]:
    """Return the first line that each program says of its version, and the probe's digest. Raises HostError."""
    made = recipe(settings)
    programs = {
        "compiler": made.compiler(),
        "linker": made.linker(),
        "make": "make",
        "qemu": made.architecture.qemu,
        "git": "git",
    }
    said = {name: _version(program) for name, program in programs.items()}
    said["probe"] = hashlib.sha256(guest.probe(probe_compiler(settings), cache())).hexdigest()[:16]
    said["sandbox"] = sandbox.says(settings.sandbox)
    return said | {"host": f"{os.uname().sysname} {os.uname().release} {os.uname().machine}"}


def _version(program: str) -> str:
    if not (said := process.output([program, "--version"]).splitlines()):
        raise HostError(f"{program} --version says nothing", "it is not whole: install it again")
    return said[0]


def new_name() -> str:
    """Return a fresh session name: it sorts by time, and three letters set apart those of one second."""
    letters = "".join(secrets.choice("abcdefghjkmnpqrstuvwxyz") for _ in range(3))
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{letters}"


def to_go_on(state: Path, command: str) -> str:
    """Return the command that a person needs after a stop; it names the state directory, unless it is the usual."""
    usual = Path(platformdirs.user_state_dir("bisector"))
    words = ["bisector", *command.split()]
    return process.printable([*words[:2], *([] if state == usual else ["--state", str(state)]), *words[2:]])


@contextmanager
def bench(
    settings: Settings, directory: Path, state: Path, commit: Commit, warn: Callable[[str], None]
) -> Iterator[Bench]:
    """Hold all that steps need, with what a person wants for repeating them kept in `directory`."""
    sandbox.still(settings.sandbox)
    require_own_cache(settings)
    if settings.sandbox not in (sandbox.IN_FORCE, sandbox.OFF):
        warn(f"builds run without a sandbox: {settings.sandbox.removeprefix('none: ')}")
    repository = Repository(Path(settings.repo))
    made, vm = tried(recipe(settings)), machine(settings)
    before_ends = limits.with_given(limits.UNMEASURED, settings.limits)
    program = guest.probe(probe_compiler(settings), cache())
    try:
        (directory / "logs").mkdir(parents=True, exist_ok=True)
        if made.ccache is not None:
            Path(made.ccache).mkdir(parents=True, exist_ok=True)
        (directory / "fragment.config").write_text("".join(f"{option}\n" for option in made.options))
        (directory / "probe.cpio").write_bytes(initramfs.archive(program, BY_HAND))
    except OSError as error:
        raise HostError(f"cannot write to {directory}: {error.strerror}", "make room, then resume") from error
    with checkout.workspace(repository, state, commit) as place:
        kernels = Store(state / STORE, named(made.identity()), made.architecture.name) if settings.store else None
        made_ready = Bench(directory, place, made, vm, before_ends, program, warn, settings.on, kernels)
        made_ready.abreast = abreast(settings)
        if settings.accel == "tcg":
            words = {"machine": vm.argv("", ""), "qemu": _version(vm.architecture.qemu), "probe": program.hex()}
            made_ready.named = named(words)
        made_ready.sweep()
        # Nor beside a guest whose clock is the host's.
        if settings.ahead and settings.store and settings.accel == "tcg":
            made_ready.ahead = Ahead(settings, directory, state, commit.id)
        try:
            yield made_ready
        finally:
            if made_ready.ahead is not None:
                made_ready.ahead.close()
