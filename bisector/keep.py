"""Which kernels are finished and whole? A directory a kernel, with a manifest that says so.

A kernel is finished when its manifest is on the disk: a session that is killed between build and boot, or in
the middle of a boot, builds nothing again. What a power cut or another program did to a file shows in its
digest, which is looked at before each boot: a spoiled kernel is built again, never booted.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bisector.errors import HostError
from bisector.host import disk
from bisector.model import BrokenBuild, Kernel
from bisector.reuse.parts import Parts

MANIFEST, SHAPE = "manifest.json", 2
# Which of the commit's files took part in the build. Not in the manifest: an incremental build has more of them.
PARTS = "parts.json"


def keep(kernel: Kernel, sources: Sequence[Path], *, clean: bool, parts: Parts | None = None) -> Kernel:
    """Copy the files to where `kernel` says that they are, with a manifest; return it with the image's digest.

    `clean`: built from nothing, for the certification. The same kernel is kept already then, bit for bit, and
    stays where it is: only its manifest is written anew. Raises HostError.
    """
    into = Path(kernel.image).parent
    part = into.with_name(f"{into.name}.part")
    disk.remove(part)
    with disk.writing(into):
        part.mkdir(parents=True)
        disk.settle(into.parent.parent)
        for source in sources:
            copied = part / source.name.lstrip(".")
            shutil.copyfile(source, copied)
            disk.settle(copied)
        files = {path.name: disk.digest(path) for path in sorted(part.iterdir())}
        if (digest := files.get(Path(kernel.image).name)) is None:
            raise HostError(f"the image of {kernel.commit[:12]} was taken away", "resume makes it again")
        kernel = replace(kernel, digest=digest)
        made = {"shape": SHAPE, "clean": clean, "kernel": asdict(kernel), "files": files}
        manifest = json.dumps(made, indent=1).encode() + b"\n"
        before = _manifest(into)
        if before is not None and before["files"] == files and _whole(into, before):
            _note(into, parts)
            disk.write(into / MANIFEST, manifest)
            disk.remove(part)
            return kernel
        _note(part, parts)
        disk.write(part / MANIFEST, manifest)
        disk.discard(into)
        part.rename(into)
        disk.settle(into.parent)
    return kernel


def kept(into: Path, commit_id: str, *, clean: bool = False) -> Kernel | None:
    """Return the whole kernel that is kept in `into` for this commit, None if there is none.

    `clean`: only one that was built from nothing.
    """
    made = _manifest(into)
    if made is None or made["kernel"]["commit"] != commit_id or (clean and not made["clean"]):
        return None
    return Kernel(**made["kernel"]) if _whole(into, made) else None


def manifested(into: Path) -> Kernel | None:
    """Return the kernel that is said to be kept in `into`, whatever its files are by now."""
    made = _manifest(into)
    return Kernel(**made["kernel"]) if made is not None else None


def moved(kernel: Kernel, into: Path, commit_id: str, source: str = "") -> Kernel:
    """Return the kernel as it is when it lies in `into`, for this commit. `source`: where another one was built."""
    image, system_map, config = (
        str(into / Path(path).name) for path in (kernel.image, kernel.system_map, kernel.config)
    )
    return replace(kernel, commit=commit_id, image=image, system_map=system_map, config=config, source=source)


def files(into: Path) -> list[Path]:
    """Return the files of the kernel that is kept in `into`."""
    made = _manifest(into)
    return [into / name for name in made["files"]] if made is not None else []


def same(one: Kernel | BrokenBuild, other: Kernel | BrokenBuild) -> bool:
    """Tell whether two builds made one kernel, bit for bit, or none.

    A build id is made before the last programs of a build run: objects that were spoiled may leave it as it was. And
    which of several errors comes first may differ, and is no matter.
    """
    if isinstance(one, Kernel) and isinstance(other, Kernel):
        return (one.build_id, one.digest) == (other.build_id, other.digest)
    return isinstance(one, BrokenBuild) and isinstance(other, BrokenBuild)


def _note(into: Path, parts: Parts | None) -> None:
    if parts is None:
        disk.remove(into / PARTS)
    else:
        disk.write(into / PARTS, parts.encoded())


def took_part(made: Kernel | BrokenBuild) -> Parts | None:
    """Return what took part in a build, None if that is not known, or is not kept any more."""
    noted = Path(made.image).with_name(PARTS) if isinstance(made, Kernel) else Path(made.parts)
    try:
        return Parts.decoded(noted.read_bytes())
    except (OSError, ValueError):
        return None


def broken(made: BrokenBuild, noted: Path, parts: Parts | None) -> BrokenBuild:
    """Note what took part in a build that failed, as far as that is known."""
    if parts is None:
        return made
    with disk.writing(noted):
        noted.parent.mkdir(parents=True, exist_ok=True)
        disk.write(noted, parts.encoded())
    return replace(made, parts=str(noted))


def inferred(kernel: Kernel | None) -> str:
    """Return the other commit that a kernel was built or configured of, "" if it is its own commit's altogether."""
    return (kernel.source or kernel.configured) if kernel is not None else ""


def sweep(home: Path) -> None:
    """Remove what a killed session left unfinished."""
    for path in [*home.glob("*.part"), *home.glob("*.gone"), *home.glob("*/*.json.part")]:
        disk.remove(path)


def _manifest(into: Path) -> dict[str, Any] | None:
    """Read a manifest; None if there is none, or none of ours."""
    try:
        made = json.loads((into / MANIFEST).read_bytes())
        if made["shape"] != SHAPE or not isinstance(made["files"], dict):
            return None
        home = Path(Kernel(**made["kernel"]).image).parent
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    # It says where it was written: a copied or moved directory is not meant.
    return made if home == into and isinstance(made.get("clean"), bool) else None


def _whole(into: Path, made: dict[str, Any]) -> bool:
    try:
        return all(disk.digest(into / name) == wanted for name, wanted in made["files"].items())
    except OSError:
        return False
