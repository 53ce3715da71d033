"""Is a kept kernel whole, or not there at all?"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from bisector import keep
from bisector.errors import HostError
from bisector.model import Kernel

COMMIT = "c" * 40


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    place = tmp_path / "objects"
    place.mkdir()
    for name in ("Image", "System.map", ".config"):
        (place / name).write_text(f"the {name}\n" * 100)
    return [place / "Image", place / "System.map", place / ".config"]


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    into = tmp_path / "kernels" / COMMIT[:12]
    return Kernel(COMMIT, str(into / "Image"), str(into / "System.map"), "b1d", str(into / "config"), "gcc")


def kept(kernel: Kernel, *, clean: bool = False) -> Kernel | None:
    return keep.kept(Path(kernel.image).parent, COMMIT, clean=clean)


def test_what_was_kept_is_found(kernel: Kernel, sources: list[Path]) -> None:
    assert kept(kernel) is None
    made = keep.keep(kernel, sources, clean=False)
    assert made == replace(kernel, digest=hashlib.sha256(sources[0].read_bytes()).hexdigest())
    assert kept(kernel) == made
    assert Path(kernel.config).read_text() == sources[2].read_text()
    assert keep.kept(Path(kernel.image).parent, "d" * 40) is None


def test_one_that_was_built_from_nothing_is_known_as_such(kernel: Kernel, sources: list[Path]) -> None:
    keep.keep(kernel, sources, clean=False)
    inode = Path(kernel.image).stat().st_ino
    assert kept(kernel, clean=True) is None
    made = keep.keep(kernel, sources, clean=True)
    assert kept(kernel, clean=True) == made
    # The same kernel, bit for bit: its files were not touched, so no instant was without one.
    assert Path(kernel.image).stat().st_ino == inode


def test_another_kernel_takes_the_place_of_the_old_one(kernel: Kernel, sources: list[Path]) -> None:
    keep.keep(kernel, sources, clean=False)
    sources[0].write_text("another")
    made = keep.keep(kernel, sources, clean=False)
    assert kept(kernel) == made
    assert Path(kernel.image).read_text() == "another"


@pytest.mark.parametrize("name", ["Image", "System.map", "config", "manifest.json"])
@pytest.mark.parametrize("damage", ["gone", "cut", "zeroed", "one byte"])
def test_a_spoiled_kernel_is_none(name: str, damage: str, kernel: Kernel, sources: list[Path]) -> None:
    keep.keep(kernel, sources, clean=True)
    path = Path(kernel.image).parent / name
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        spoiled = {"cut": content[:-20], "zeroed": bytes(len(content)), "one byte": b"?" + content[1:]}
        path.write_bytes(spoiled[damage])
    assert kept(kernel) is None
    made = keep.keep(kernel, sources, clean=True)
    assert kept(kernel, clean=True) == made


@pytest.mark.parametrize(
    "manifest", ["[]", "{}", "null", '{"shape": 3}', "[" * 100_000, '{"shape": 2, "files": {}, "kernel": {}}']
)
def test_a_manifest_of_somebody_else_is_none(manifest: str, kernel: Kernel, sources: list[Path]) -> None:
    keep.keep(kernel, sources, clean=False)
    (Path(kernel.image).parent / keep.MANIFEST).write_text(manifest)
    assert kept(kernel) is None


def test_a_manifest_that_names_files_elsewhere_is_none(kernel: Kernel, sources: list[Path]) -> None:
    keep.keep(kernel, sources, clean=False)
    path = Path(kernel.image).parent / keep.MANIFEST
    made = json.loads(path.read_text())
    made["kernel"]["image"] = "/somewhere/else/Image"
    path.write_text(json.dumps(made))
    assert kept(kernel) is None


def test_what_a_kill_left_half_written_is_swept(kernel: Kernel, sources: list[Path]) -> None:
    made = keep.keep(kernel, sources, clean=False)
    into = Path(kernel.image).parent
    for name in ("dddddddddddd.part", "eeeeeeeeeeee.gone"):
        (into.parent / name).mkdir()
        (into.parent / name / "Image").touch()
    (into / "manifest.json.part").touch()
    keep.sweep(into.parent)
    assert [path.name for path in into.parent.iterdir()] == [into.name]
    assert not (into / "manifest.json.part").exists()
    assert kept(kernel) == made


def test_a_kernel_that_cannot_be_kept_is_our_machine_s_failure(kernel: Kernel, sources: list[Path]) -> None:
    Path(kernel.image).parents[1].write_text("in the way")
    with pytest.raises(HostError, match="cannot write"):
        keep.keep(kernel, sources, clean=False)
