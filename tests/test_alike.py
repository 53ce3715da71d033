"""Can two commits make different kernels? What took part in a build, and what does it make of a change?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from bisector import buildlog
from bisector.host import trees
from bisector.host.repository import Repository
from bisector.reuse import alike, parts
from bisector.reuse.parts import Parts
from tests.minitree import MiniTree

# What a build of a small kernel reads.
BUILT = Parts(
    files=frozenset({"kernel/fork.c", "include/linux/sched.h", "kernel/sched/core.c", "lib/vdso/gettimeofday.c"}),
    kconfigs=frozenset({"Kconfig", "drivers/net/Kconfig"}),
    places=frozenset({"", "kernel", "kernel/sched", "kernel/time", "drivers", "drivers/net"}),
)
CHANGED, CAME_OR_WENT = False, True

MATTERING = {
    "a file that was compiled": ("kernel/fork.c", CHANGED),
    "a header that was read": ("include/linux/sched.h", CHANGED),
    "a Kconfig file that was read": ("drivers/net/Kconfig", CHANGED),
    "the Makefile of a directory that make went down into": ("drivers/net/Makefile", CHANGED),
    "a list in such a directory": ("kernel/time/timeconst.bc", CHANGED),
    "a Makefile beside a file that was read": ("lib/vdso/Makefile", CHANGED),
    "the top Makefile": ("Makefile", CHANGED),
    "a new file beside one that was read": ("kernel/sched/ext.c", CAME_OR_WENT),
    "a header that may be found before another one": ("arch/arm64/include/asm/thing.h", CAME_OR_WENT),
    "a header of the same name elsewhere": ("drivers/gpu/sched.h", CAME_OR_WENT),
    "a new header for all": ("include/linux/new.h", CAME_OR_WENT),
    "a build script": ("scripts/mod/modpost.c", CHANGED),
    "the list of generic headers": ("include/asm-generic/Kbuild", CHANGED),
    "a list of system registers": ("arch/arm64/tools/sysreg", CHANGED),
    "a fragment that tinyconfig reads": ("kernel/configs/tiny.config", CHANGED),
    "a certificate that is packed": ("net/wireless/certs/wens.hex", CHANGED),
    "what decides how files are checked out": ("drivers/gpu/.gitattributes", CHANGED),
}
INDIFFERENT = {
    "a driver that was not compiled": ("drivers/net/dummy.c", CHANGED),
    "a driver's header that nobody read": ("drivers/net/dummy.h", CHANGED),
    "a new driver, whose Makefile is as it was": ("drivers/net/new.c", CAME_OR_WENT),
    "a header that nobody read": ("include/linux/dummy.h", CHANGED),
    "a Kconfig file that was not read": ("arch/x86/Kconfig", CHANGED),
    "the Makefile of a directory that make left alone": ("net/ipv4/Makefile", CHANGED),
    "another architecture": ("arch/x86/include/asm/new.h", CAME_OR_WENT),
    "a text": ("Documentation/process/howto.rst", CAME_OR_WENT),
    "a self-test": ("tools/testing/selftests/Makefile", CHANGED),
    "who is to be written to": ("MAINTAINERS", CHANGED),
    "a default configuration": ("arch/arm64/configs/defconfig", CHANGED),
}


@pytest.mark.parametrize("what", MATTERING)
def test_what_may_have_taken_part_matters(what: str) -> None:
    path, appeared = MATTERING[what]
    changes = {"net/ipv4/tcp.c": CHANGED, path: appeared}
    assert alike.mattering(BUILT, changes, "arm64") == path


@pytest.mark.parametrize("what", INDIFFERENT)
def test_what_took_no_part_does_not_matter(what: str) -> None:
    path, appeared = INDIFFERENT[what]
    assert alike.mattering(BUILT, {path: appeared}, "arm64") == ""


_PATHS = st.sampled_from(sorted({path for path, _ in (*MATTERING.values(), *INDIFFERENT.values())} | BUILT.files))
_CONTENTS = st.sampled_from(["100644 blob 1", "100644 blob 2", "100755 blob 1", "120000 blob 1"])
LISTINGS = st.dictionaries(_PATHS, _CONTENTS, max_size=12)


@hypothesis.given(LISTINGS, LISTINGS)
def test_two_commits_have_one_key_if_and_only_if_nothing_that_changed_matters(
    one: dict[str, str], other: dict[str, str]
) -> None:
    changes = {
        path: path not in one or path not in other or one[path][:3] != other[path][:3]
        for path in sorted(one.keys() | other.keys())
        if one.get(path) != other.get(path)
    }
    selection = alike.Selection(BUILT, "arm64")
    same = selection.key(one) == selection.key(other)
    assert same == (alike.mattering(BUILT, changes, "arm64") == "")
    assert not same or selection.read(one) == selection.read(other)


@pytest.fixture
def built(tree: MiniTree, tmp_path: Path) -> Path:
    """A mini kernel that was built by its own Makefile, in `tree` and `objects` below the returned path."""
    place = tmp_path / "place"
    tree.git("worktree", "add", "-q", str(place / "tree"), tree.base)
    for target in ("tinyconfig", "Image"):
        argv = ["make", "-s", "-C", str(place / "tree"), f"O={place / 'objects'}", "CROSS_COMPILE=aarch64-linux-gnu-"]
        subprocess.run([*argv, target], check=True, capture_output=True)
    return place


def test_a_build_tells_what_took_part(built: Path) -> None:
    found = parts.of(built / "tree", built / "objects")
    assert found is not None
    assert {"init/main.c", "include/kernel.h", "behaviour.h", "arch/arm64/kernel/vmlinux.lds"} <= found.files
    assert {name for name in found.files if not (built / "tree" / name).is_file()} == set()
    assert found.kconfigs == {"Kconfig"}
    assert {"", "init", "lib"} <= found.places
    assert Parts.decoded(found.encoded()) == found


def test_what_is_read_through_a_link_is_known_by_both_names(built: Path) -> None:
    (built / "tree" / "linked").symlink_to("init")
    (built / "objects" / ".extra.o.cmd").write_text(f"deps_extra.o := \\\n  {built}/tree/linked/main.c \\\n")
    found = parts.of(built / "tree", built / "objects")
    assert found is not None
    assert {"linked/main.c", "init/main.c"} <= found.files


def link(record: Path) -> None:
    record.symlink_to("/etc/hostname")


def pipe(record: Path) -> None:
    os.mkfifo(record)


@pytest.mark.parametrize("made", [link, pipe])
def test_a_record_that_is_no_plain_file_is_no_record(built: Path, made: type) -> None:
    made(built / "objects" / ".hostile.o.cmd")
    assert parts.of(built / "tree", built / "objects") is None


@pytest.mark.parametrize("gone", ["include/config/auto.conf.cmd", "**/.*.o.cmd"])
def test_without_a_whole_record_nothing_is_known(built: Path, gone: str) -> None:
    for path in (built / "objects").glob(gone):
        path.unlink()
    found = parts.of(built / "tree", built / "objects")
    assert found is None or "init/main.c" not in found.files


def test_a_tree_below_a_directory_of_the_same_name_loses_nothing(tree: MiniTree, tmp_path: Path) -> None:
    place = tmp_path / "tree" / "b"
    tree.git("worktree", "add", "-q", str(place / "tree"), tree.base)
    argv = ["make", "-s", "-C", str(place / "tree"), f"O={place / 'objects'}", "CROSS_COMPILE=aarch64-linux-gnu-"]
    for target in ("tinyconfig", "Image"):
        subprocess.run([*argv, target], check=True, capture_output=True)
    found = parts.of(place / "tree", place / "objects")
    assert found is not None
    assert {"init/main.c", "include/kernel.h"} <= found.files


def broken(built: Path, text: str) -> tuple[str, int]:
    """Build anew with this source of `init/main.o`; return the object that was not made, and since when."""
    (built / "tree" / "init" / "main.c").write_text(text)
    (built / "since").touch()
    argv = [
        "make",
        "-s",
        "-C",
        str(built / "tree"),
        f"O={built / 'objects'}",
        "CROSS_COMPILE=aarch64-linux-gnu-",
        "Image",
    ]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    return buildlog.not_made(done.stderr.splitlines()), (built / "since").stat().st_mtime_ns


def test_what_broke_tells_what_its_compiler_read(built: Path) -> None:
    (built / "tree" / "include" / "newcomer.h").write_text("int newcomer;\n")
    failed, since = broken(built, '#include "newcomer.h"\nint main = nowhere;\n')
    assert failed == "init/main.o"
    found = parts.of_failed(built / "tree", built / "objects", failed, since)
    assert found is not None
    # Beside it all that other objects read, of the builds before.
    assert {"init/main.c", "include/newcomer.h", "include/kernel.h", "lib/lib.c"} <= found.files
    assert "include/newcomer.h" not in (parts.of(built / "tree", built / "objects") or found).files
    listed = built / "objects" / "init" / ".main.o.d"
    listed.rename(built / "elsewhere")
    listed.symlink_to(built / "elsewhere")
    assert parts.of_failed(built / "tree", built / "objects", failed, since) is None


def test_what_an_earlier_compiler_read_tells_nothing(built: Path) -> None:
    broken(built, "int main = nowhere;\n")
    failed, since = broken(built, '#include "absent.h"\n')
    assert failed == "init/main.o"
    assert parts.of_failed(built / "tree", built / "objects", failed, since) is None


def test_directories_without_end_are_no_record(built: Path) -> None:
    words = "import os, sys\nos.chdir(sys.argv[1])\nfor _ in range(1500):\n    os.mkdir('d'); os.chdir('d')"
    subprocess.run([sys.executable, "-c", words, str(built / "objects")], check=True)
    assert parts.of(built / "tree", built / "objects") is None
    subprocess.run(["rm", "-rf", str(built / "objects")], check=True)


def test_a_kernel_that_names_its_commit_has_no_record(built: Path) -> None:
    config = built / "objects" / "include" / "config" / "auto.conf"
    config.write_text("CONFIG_A=y\n# CONFIG_LOCALVERSION_AUTO is not set\n")
    assert parts.of(built / "tree", built / "objects") is not None
    config.write_text("CONFIG_A=y\nCONFIG_LOCALVERSION_AUTO=y\n")
    assert parts.of(built / "tree", built / "objects") is None
    config.unlink()
    config.symlink_to("/etc/hostname")
    assert parts.of(built / "tree", built / "objects") is None


def test_headers_that_are_packed_are_no_record(built: Path) -> None:
    (built / "objects" / "kernel").mkdir()
    (built / "objects" / "kernel" / "kheaders_data.tar.xz").touch()
    assert parts.of(built / "tree", built / "objects") is None


@pytest.mark.parametrize(
    "text", [b"", b"[]", b'{"files": ["a"]}', b'{"files": 1, "kconfigs": [], "places": []}', b"{" * 99999]
)
def test_a_spoiled_note_is_none(text: bytes) -> None:
    with pytest.raises(ValueError, match="not a record of parts"):
        Parts.decoded(text)


def test_git_tells_what_came_and_what_changed(tree: MiniTree) -> None:
    other = tree.commit("mini: others", files={"new.c": "x\n", "lib/lib.c": None, "README.md": "y\n"})
    found = trees.changes(Repository(tree.path), tree.base, other)
    assert found == {"new.c": CAME_OR_WENT, "lib/lib.c": CAME_OR_WENT, "README.md": CHANGED}
    assert trees.changes(Repository(tree.path), other, other) == {}
