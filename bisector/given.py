"""What does a person, or a program, have to say of a session? Words with their usual values -> Settings."""

from __future__ import annotations

import math
import os
import posixpath
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bisector import opening
from bisector.arches import architecture
from bisector.errors import HostError, UserError
from bisector.evidence import limits as times
from bisector.host import process
from bisector.host import sandbox as walls
from bisector.model import Outcome, Verdict
from bisector.scenarios import BY_NAME
from bisector.settings import PLAIN, Settings
from bisector.verdict import NAMES

# GiB: more than the address of any byte of a file.
_MOST = float(1 << 33)
_SANDBOXES = ("auto", "require", "off")


def settings(
    repo: str | os.PathLike[str],
    *,
    scenario: str | None = None,
    old_outcome: str | None = None,
    new_outcome: str | None = None,
    confidence: float = 0.99,
    end_boots: int = 5,
    confirm_boots: int = 0,
    arch: str = "arm64",
    cross_compile: str | None = None,
    llvm: str = "",
    jobs: int | None = None,
    ahead: int | None = None,
    ccache: bool = True,
    store: bool = True,
    sandbox: str = "auto",
    build_memory: float | None = None,
    build_disk: float = 32.0,
    fragment: Sequence[Path] = (),
    accel: str = "tcg",
    cpu: str = "",
    limits: Mapping[str, float] | None = None,
    on: Mapping[str, Verdict] | None = None,
    suspect: Sequence[str] = (),
) -> Settings:
    """Return a session's settings. Raises UserError for what cannot be.

    The names are those of the command line's options. `build_memory`, `build_disk`: GiB. `limits`: of a boot, by the
    names of `model.Limits`: guest seconds, and MiB of output. `on`: what an outcome's name means. `suspect`: paths of
    the tree, "." for none; empty: the architecture's. None: what is usual on this machine, or what the ends say.
    """
    row = architecture(arch)
    place = Path(repo).absolute()
    if scenario is not None and scenario not in BY_NAME:
        raise UserError(f"there is no scenario {scenario!r}", "bisector scenarios lists them")
    outcomes = [
        _outcome(said, scenario, option)
        for said, option in ((old_outcome, "--old-outcome"), (new_outcome, "--new-outcome"))
    ]
    if outcomes[0] is not None and outcomes[0] == outcomes[1]:
        raise UserError(f"both outcomes are {outcomes[0]}", "a bisection is from one to another")
    if others := [name for name in on or () if name not in NAMES]:
        raise UserError(f"no outcome has the name {others[0]!r}", f"known: {', '.join(NAMES)}")
    if sandbox not in _SANDBOXES:
        raise UserError(f"there is no sandbox {sandbox!r}", f"known: {', '.join(_SANDBOXES)}")
    _require_storable(str(place), "--repo")
    words = {"cross_compile": cross_compile, "llvm": llvm, "cpu": cpu}
    for name, shape in PLAIN.items():
        if not re.fullmatch(shape, words[name] or "", re.ASCII):
            raise UserError(
                f"--{name.replace('_', '-')} {words[name]!r} has signs that no such word has",
                "it goes to make or QEMU as it is: letters, digits, and . / + - _",
            )
    if cpu:
        _require_cpu(row.qemu, cpu)
    if llvm and shutil.which(clang := f"clang{llvm if llvm.startswith('-') else ''}") is None:
        raise UserError(f"{clang} is not installed", f"bisector doctor --llvm={llvm} says what is missing")
    sandboxed = walls.chosen(sandbox)
    suspects = _suspects(suspect) or row.suspects
    usual = {"jobs": None, "ahead": None, "build_memory": None, "ccache": True, "sandbox": "auto"}
    said = {"jobs": jobs, "ahead": ahead, "build_memory": build_memory, "ccache": ccache, "sandbox": sandbox}
    chosen = {name: str(value) for name, value in said.items() if value != usual[name]}
    chosen |= {"suspect": " ".join(suspects)} if suspects != row.suspects else {}
    try:
        return Settings(
            repo=str(place),
            arch=row.name,
            cross_compile=cross_compile if cross_compile is not None else row.cross_compile,
            llvm=llvm,
            jobs=jobs or os.cpu_count() or 1,
            ccache=opening.ccache(ccache, sandboxed),
            accel=accel,
            cpu=cpu,
            limits=_limits(limits or {}),
            on=dict(on or {}),
            fragment=opening.fragment(fragment),
            scenario=scenario,
            old_outcome=outcomes[0],
            new_outcome=outcomes[1],
            end_boots=end_boots,
            confirm_boots=confirm_boots,
            sandbox=sandboxed,
            build_memory=size("--build-memory", build_memory) if build_memory is not None else opening.memory(),
            build_disk=size("--build-disk", build_disk),
            confidence=confidence,
            store=store,
            ahead=ahead if ahead is not None else opening.ahead(),
            suspects=suspects,
            given=chosen,
        )
    except ValueError as error:
        raise UserError(str(error), "bisector start --help says what each option takes") from error


def _outcome(said: str | None, scenario: str | None, option: str) -> str | None:
    """Return the outcome as it is written, None if none was given. Raises UserError for what is none."""
    if said is None:
        return None
    if scenario is None:
        raise UserError(f"{option} needs --scenario", "an outcome is one scenario's")
    try:
        return str(Outcome.parse(said))
    except ValueError as error:
        raise UserError(str(error), "bisector test prints outcomes as they are written") from error


def _require_cpu(qemu: str, cpu: str) -> None:
    """Refuse a CPU model that this machine's QEMU does not have: it would say so after the first build."""
    with suppress(HostError):  # without QEMU: what boots says that it is missing
        known = process.output([qemu, "-cpu", "help"]).split()
        if (model := cpu.partition(",")[0]) not in known:
            raise UserError(f"{qemu} has no CPU model {model!r}", f"{qemu} -cpu help lists them")


def size(option: str, gib: float, least: int = 1) -> int:
    """Return GiB in bytes. Raises UserError for fewer than `least`, and for more than any disk has."""
    if not 0 <= gib <= _MOST or (found := int(gib * (1 << 30))) < least:
        raise UserError(f"{option} {gib} is no size", "it is a number of GiB, as 1.5")
    return found


def _suspects(said: Sequence[str]) -> tuple[str, ...]:
    """Return paths as git tells them, "" for the whole tree. Raises UserError for those that leave the tree."""
    found = []
    for word in said:
        path = posixpath.normpath(word) if word else ".."
        if path == ".." or path.startswith(("/", "../")) or "\0" in path or not _is_utf8(path):
            raise UserError(
                f"--suspect {word!r} is no path in the kernel's tree",
                "a file or a directory, as kernel/signal.c; . for all",
            )
        found.append("" if path == "." else path)
    return tuple(dict.fromkeys(found))


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _limits(said: Mapping[str, float]) -> dict[str, float]:
    """Return the limits that were given, in seconds and bytes. Raises UserError."""
    given = dict(said)
    if "output" in given:
        given["output"] = math.floor(given["output"] * (1 << 20)) if math.isfinite(given["output"]) else 0
    try:
        times.with_given(times.UNMEASURED, given)
    except ValueError as error:
        raise UserError(str(error), "limits are seconds and MiB, more than zero") from error
    return given


def _require_storable(path: str, option: str) -> None:
    """Refuse a path that no line of the journal can hold, so that the session can always be resumed."""
    if not _is_utf8(path):
        raise UserError(
            f"the path of {option} is not UTF-8: {path!r}", "name it through a symbolic link that has a plain name"
        )
