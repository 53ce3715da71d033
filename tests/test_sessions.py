"""Which session is meant, and which one is gone on with?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from bisector import events, journal, sessions
from bisector.errors import UserError
from bisector.events import Started
from tests import samples

VERSIONS = {"compiler": "gcc 12", "linker": "ld 2.40", "qemu": "QEMU 7", "probe": "0123"}
NAMES = ("20240101-000000-aaa", "20240102-000000-bbb", "20240103-000000-ccc")


def begin(state: Path, name: str, *after: events.Recorded) -> Started:
    """Make a session of this name."""
    started = msgspec.structs.replace(samples.started(name=name), versions=VERSIONS)
    book = journal.create(sessions.home(state) / name, started)
    for event in after:
        book.append(event)
    return started


def spoil(state: Path, name: str) -> None:
    (sessions.home(state) / name / journal.NAME).write_text("a shopping list\n")


def resumed(state: Path) -> tuple[str, list[str]]:
    said: list[str] = []
    return sessions.to_resume(state, None, said.append).name, said


def test_the_newest_without_an_answer_is_resumed(tmp_path: Path) -> None:
    begin(tmp_path, NAMES[0])
    begin(tmp_path, NAMES[1])
    begin(tmp_path, NAMES[2], events.Concluded(conclusion=samples.FOUND))
    assert resumed(tmp_path) == (NAMES[1], [])


def test_where_all_have_answers_the_newest_gives_its_own_again(tmp_path: Path) -> None:
    for name in NAMES:
        begin(tmp_path, name, events.Concluded(conclusion=samples.FOUND))
    assert resumed(tmp_path) == (NAMES[2], [])


def test_one_that_cannot_be_read_is_told_and_left_alone(tmp_path: Path) -> None:
    begin(tmp_path, NAMES[0])
    begin(tmp_path, NAMES[1])
    spoil(tmp_path, NAMES[1])
    name, [said] = resumed(tmp_path)
    assert name == NAMES[0]
    assert said.startswith(f"session {NAMES[1]} is left alone: ")
    assert "is not a journal of bisector" in said


def test_where_none_can_be_read_the_newest_says_why(tmp_path: Path) -> None:
    for name in NAMES[:2]:
        begin(tmp_path, name)
        spoil(tmp_path, name)
    with pytest.raises(UserError, match=f"{NAMES[1]}.* is not a journal"):
        sessions.to_resume(tmp_path, None, list[str]().append)


def test_an_equal_start_finds_the_session_without_an_answer(tmp_path: Path) -> None:
    begin(tmp_path, NAMES[0])
    begin(tmp_path, NAMES[1], samples.STOPPED)
    wanted = begin(tmp_path, NAMES[2], events.Concluded(conclusion=samples.FOUND))
    (sessions.home(tmp_path) / NAMES[2] / sessions.LAST_REPORT).touch()
    found = sessions.unfinished(tmp_path, wanted, list[str]().append)
    assert found is not None
    assert found.name == NAMES[1]


def test_a_session_that_was_killed_before_its_report_was_kept_is_gone_on_with(tmp_path: Path) -> None:
    wanted = begin(tmp_path, NAMES[0], events.Concluded(conclusion=samples.FOUND))
    found = sessions.unfinished(tmp_path, wanted, list[str]().append)
    assert found is not None
    assert found.conclusion == samples.FOUND


def test_what_the_machine_decides_is_no_other_start(tmp_path: Path) -> None:
    begun = begin(tmp_path, NAMES[0])
    other = replace(begun.settings, jobs=64, build_memory=1 << 40, ccache="/elsewhere", sandbox="none: out of memory")
    # Nor what this bisector suspects by itself, and an older one did not.
    other = replace(other, suspects=("kernel/signal.c",))
    found = sessions.unfinished(tmp_path, msgspec.structs.replace(begun, settings=other), list[str]().append)
    assert found is not None
    assert found.started.settings == begun.settings


def test_what_a_person_said_of_it_is_another_start(tmp_path: Path) -> None:
    begun = begin(tmp_path, NAMES[0])
    wanted = msgspec.structs.replace(begun, settings=replace(begun.settings, jobs=1, given={"jobs": "1"}))
    assert sessions.unfinished(tmp_path, wanted, list[str]().append) is None


@pytest.mark.parametrize("change", ["old", "new", "settings"])
def test_another_start_finds_none(change: str, tmp_path: Path) -> None:
    begun = begin(tmp_path, NAMES[0])
    changed = {
        "old": samples.PARENT,
        "new": samples.CULPRIT,
        "settings": replace(begun.settings, confirm_boots=begun.settings.confirm_boots + 1),
    }
    wanted = msgspec.structs.replace(begun, **{change: changed[change]})
    assert sessions.unfinished(tmp_path, wanted, list[str]().append) is None


@pytest.mark.parametrize("program", ["compiler", "linker", "qemu", "probe"])
def test_with_another_program_it_is_left_alone_and_told(program: str, tmp_path: Path) -> None:
    begun = begin(tmp_path, NAMES[0])
    now = VERSIONS | {program: "another"}
    said: list[str] = []
    assert sessions.unfinished(tmp_path, msgspec.structs.replace(begun, versions=now), said.append) is None
    assert said == [f"session {NAMES[0]} is left alone: the {program} is now another, "
                    f"the session began with {VERSIONS[program]}"]  # fmt: skip
    assert sessions.changed(begun, VERSIONS | {"make": "another", "git": "another"}) == ""


@pytest.mark.parametrize(("schema", "age"), [(events.SCHEMA - 1, "an older"), (events.SCHEMA + 1, "a newer")])
def test_one_of_another_bisector_is_said_by_name(schema: int, age: str) -> None:
    begun = msgspec.structs.replace(samples.started(), schema=schema, bisector="9.8")
    assert f"was written by {age} bisector (9.8)" in sessions.changed(begun, VERSIONS)


def test_a_session_that_was_killed_at_its_first_line_is_none_and_is_swept_away(tmp_path: Path) -> None:
    begin(tmp_path, NAMES[0])
    torn = sessions.home(tmp_path) / f".{NAMES[1]}.new"
    torn.mkdir()
    (torn / journal.NAME).write_text('{"event":"star')
    assert sessions.read(tmp_path, None).name == NAMES[0]
    with journal.choosing(sessions.home(tmp_path)):
        assert [path.name for path in sessions.home(tmp_path).iterdir()] == [NAMES[0]]
