"""Is a directory gone when it was removed, whatever a build left in it, or whoever was killed in it?"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bisector.errors import HostError
from bisector.host import disk, sandbox

NOBODY = 65534


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that anybody may use."""
    found = Path(tempfile.mkdtemp(dir="/var/tmp"))
    found.chmod(0o777)
    yield found
    shutil.rmtree(found)


def as_a_user(call: Callable[[], None]) -> int | None:
    """Call in a process without root's privileges; return its exit code."""

    def dropped() -> None:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
        call()

    child = multiprocessing.get_context("fork").Process(target=dropped)
    child.start()
    child.join(60)
    return child.exitcode


def test_directories_in_each_other_without_end_are_removed(place: Path) -> None:
    doomed = place / "doomed"
    doomed.mkdir()
    inner = os.open(doomed, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=inner)
        inner, outer = os.open("d", os.O_RDONLY, dir_fd=inner), inner
        os.close(outer)
    os.close(inner)
    disk.discard(doomed)
    assert list(place.iterdir()) == []


def test_directories_that_are_closed_to_their_owner_are_removed(place: Path) -> None:
    def left_and_removed() -> None:
        doomed = place / "doomed"
        inner = doomed / "a" / "b" / "c"
        inner.mkdir(parents=True)
        (inner / "file").write_text("x")
        for closed in (inner, *inner.parents[:2]):
            closed.chmod(0)
        disk.discard(doomed)

    assert as_a_user(left_and_removed) == 0
    assert list(place.iterdir()) == []


def test_what_a_build_closed_to_us_is_odd(place: Path) -> None:
    def left() -> None:
        (place / "file").write_text("x")
        (place / "file").chmod(0)
        (place / "inside").mkdir()
        (place / "inside" / "file").write_text("x")
        (place / "inside").chmod(0)
        assert sandbox.odd(place, "file", 9) == "and it cannot be read"
        assert sandbox.odd(place, "inside/file", 9) == "and it cannot be looked at"
        assert sandbox.odd(place, "none/file", 9) == ""

    assert as_a_user(left) == 0


def test_what_cannot_be_removed_is_our_machine_s_failure(place: Path) -> None:
    (place / "kept" / "inner").mkdir(parents=True)
    (place / "kept").chmod(0o555)

    def refused() -> None:
        with pytest.raises(HostError, match="kept"):
            disk.remove(place / "kept")

    shown = as_a_user(refused) if os.geteuid() == 0 else 0
    assert shown == 0
    assert (place / "kept" / "inner").is_dir()


def test_what_a_killed_process_has_left_goes_with_the_next_one_s(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with disk.scratch(home) as at_work:
        (at_work / "object").write_text("")
        assert as_a_child(home, killed=True) == -signal.SIGKILL
        assert len(list(home.iterdir())) == 2
        assert as_a_child(home, killed=False) == 0
        assert list(home.iterdir()) == [at_work]
    assert list(home.iterdir()) == []


def as_a_child(home: Path, *, killed: bool) -> int | None:
    """Use a scratch directory in another process, which is perhaps killed meanwhile; return its exit code."""

    def used() -> None:
        with disk.scratch(home) as place:
            (place / "object").write_text("")
            if killed:
                os.kill(os.getpid(), signal.SIGKILL)

    child = multiprocessing.get_context("fork").Process(target=used)
    child.start()
    child.join(60)
    return child.exitcode
