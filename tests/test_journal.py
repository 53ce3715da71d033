"""Is what was written read again, whatever a power cut, another version or another program did to the file?"""

from __future__ import annotations

import json
import os
import resource
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from bisector import changes, events, journal
from bisector.endings import Candidate, Conclusion, Kind
from bisector.errors import HostError, UserError
from bisector.events import Recorded
from bisector.journal import NAME, Journal
from bisector.model import Purpose, Verdict
from tests import samples

NEWER = b'{"event":"step","schema":99,"at":"","step":{"shape":"unknown to us"}}\n'


@pytest.fixture
def book(tmp_path: Path) -> Journal:
    return journal.create(tmp_path / "20240102-030405-abc", samples.started())


def path_of(book: Journal) -> Path:
    return book.session.directory / NAME


# -- round trips ---------------------------------------------------------------------------------------


def test_a_new_journal_is_read_as_it_was_begun(book: Journal) -> None:
    read = journal.read(book.session.directory)
    assert read == book.session
    assert msgspec.structs.replace(read.started, at="") == samples.started()
    assert read.name == "20240102-030405-abc"
    assert (read.steps, read.question, read.conclusion, read.spoiled) == ([], None, None, ())


@pytest.mark.parametrize("event", samples.AFTER_THE_START, ids=lambda event: type(event).__name__)
def test_every_event_is_read_as_it_was_written(event: Recorded) -> None:
    line = events.encode(event)
    assert b"\n" not in line
    assert events.decode(line) == event


def test_a_session_of_all_events_is_read_as_it_was_kept(book: Journal) -> None:
    for event in samples.AFTER_THE_START:
        book.append(event)
        assert journal.read(book.session.directory) == book.session
    steps = [event.step for event in samples.AFTER_THE_START if isinstance(event, events.Tested)]
    assert book.session.steps == steps
    assert book.session.question == samples.QUESTION
    assert book.session.conclusion == samples.AMONG


def test_an_old_commit_stands_for_parents_that_cannot_be_tested_and_no_earlier_edge_does() -> None:
    fork, old, first = samples.commit("b"), samples.commit("a"), samples.commit("d")
    alone = Conclusion(Kind.AMONG, "alone", candidates=(Candidate(samples.CULPRIT, "first"),))
    parent = events.Tested(step=replace(samples.broken(fork, "no"), purpose=Purpose.PARENT))
    session = samples.session(
        samples.ASKED,
        events.Tested(step=samples.step(samples.CULPRIT, Purpose.SEARCH, Verdict.NEW, samples.OK)),
        events.Tested(step=samples.step(first, Purpose.PARENT, Verdict.NEW, samples.OK)),
        events.Distrusted(because="its parent is new as well"),
        events.Tested(step=samples.step(samples.CULPRIT, Purpose.CULPRIT, Verdict.NEW, samples.OK)),
        parent,
        events.Tested(step=samples.step(old, Purpose.PARENT, Verdict.OLD, samples.STUCK)),
        events.Concluded(conclusion=alone),
    )
    assert [step.commit for step in session.of_edge(Purpose.PARENT)] == [fork, old]
    found = changes.change(session)
    assert found is not None
    assert (str(found.before), str(found.after), changes.intervals(session)) == ("STUCK", str(samples.OK), [])


def test_an_answer_of_spoiled_kernels_is_none(book: Journal) -> None:
    for event in samples.found():
        book.append(event)
    assert book.session.conclusion
    book.append(events.Stopped(why=events.SPOILED, message="it is not the kernel", hint=""))
    read = journal.read(book.session.directory)
    assert read == book.session
    assert (read.conclusion, read.lost) == (None, True)


def test_each_event_is_a_line_with_schema_and_utc_time(book: Journal) -> None:
    for event in samples.AFTER_THE_START:
        book.append(event)
    lines = path_of(book).read_bytes().splitlines()
    assert len(lines) == 1 + len(samples.AFTER_THE_START)
    for line in map(json.loads, lines):
        assert line["schema"] == events.SCHEMA
        assert line["at"].endswith("Z")
    assert book.session.last == json.loads(lines[-1])["at"]


def test_append_returns_what_was_written(book: Journal) -> None:
    written = book.append(samples.STOPPED)
    assert events.decode(path_of(book).read_bytes().splitlines()[-1]) == written
    assert msgspec.structs.replace(written, at="") == samples.STOPPED


def test_a_session_that_was_stopped_is_so_until_it_is_resumed(book: Journal) -> None:
    book.append(samples.STOPPED)
    stopped = journal.read(book.session.directory).stopped
    assert stopped is not None
    assert stopped.message == samples.STOPPED.message
    book.append(events.Resumed(bisector="0.1.0"))
    assert journal.read(book.session.directory).stopped is None


def test_any_text_survives_the_journal(book: Journal) -> None:
    subject = 'two\nlines, a NUL \0, ESC \x1b, quotes ", \u202e and \U0001f600'
    book.append(events.Tested(step=samples.broken(samples.commit("7", subject), subject)))
    assert journal.read(book.session.directory).steps[0].commit.subject == subject
    assert len(path_of(book).read_bytes().splitlines()) == 2


# -- damage --------------------------------------------------------------------------------------------


def test_a_torn_last_line_is_left_out_and_counted(book: Journal) -> None:
    book.append(samples.ASKED)
    whole = path_of(book).read_bytes()
    path_of(book).write_bytes(whole[:-20])
    read = journal.read(book.session.directory)
    assert (read.asked, read.spoiled) == (None, (2,))


def test_every_way_to_tear_the_last_line_leaves_the_lines_before_it(book: Journal) -> None:
    before = path_of(book).read_bytes()
    book.append(samples.ASKED)
    last = path_of(book).read_bytes()[len(before) :]
    for length in range(len(last) - 1):
        path_of(book).write_bytes(before + last[:length])
        read = journal.read(book.session.directory)
        assert (read.asked, read.spoiled) == (None, (2,) if length else ())


def test_a_line_after_a_torn_one_is_whole(book: Journal) -> None:
    book.append(samples.ASKED)
    path_of(book).write_bytes(path_of(book).read_bytes()[:-20])
    again = Journal(journal.read(book.session.directory))
    again.append(samples.STOPPED)
    read = journal.read(book.session.directory)
    assert read.stopped is not None
    assert (read.asked, read.spoiled) == (None, (2,))


@pytest.mark.parametrize(
    "damage",
    [
        b"\0\0\0\0\n",
        b"{}\n",
        b"[1, 2]\n",
        b'{"event":"holiday","schema":7}\n',
        b'{"event":"step","schema":7,"at":"","step":{"commit":"no"}}\n',
        b'{"event":"question","schema":7,"question":{"scenario":"x","old":{"word":"OK"},"new":{"word":"OK"}},'
        b'"differing":[]}\n',
        b'{"event":"search","schema":7,"commits":1,"olds":["\xff"]}\n',
    ],
)
def test_a_damaged_line_is_skipped_and_told_by_its_number(book: Journal, damage: bytes) -> None:
    book.append(samples.ASKED)
    with path_of(book).open("ab") as stream:
        stream.write(b"\n" + damage)
    book.append(samples.STOPPED)
    read = journal.read(book.session.directory)
    assert read.spoiled == (4,)
    assert read.asked is not None
    assert read.stopped is not None


def test_a_line_that_is_nested_too_deep_is_only_damage() -> None:
    with pytest.raises(events.Unreadable):
        events.decode(b'{"event":"resumed","x":' + b"[" * 100_000)


# -- not ours ------------------------------------------------------------------------------------------


def test_a_newer_journal_is_refused_with_the_line_s_number(book: Journal) -> None:
    book.append(samples.ASKED)
    with path_of(book).open("ab") as stream:
        stream.write(NEWER)
    with pytest.raises(UserError, match=r"line 3: written by a newer bisector") as caught:
        journal.read(book.session.directory)
    assert caught.value.hint == "read it with that version"


@pytest.mark.parametrize("text", ["", "\n\n", "a shopping list\n", '{"event":"resumed","schema":7,"bisector":"1"}\n'])
def test_a_file_that_is_no_journal_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    with pytest.raises(UserError, match="is not a journal of bisector"):
        journal.read(tmp_path)


def test_a_journal_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read"):
        journal.read(tmp_path)


def test_a_session_is_not_begun_where_one_is(book: Journal) -> None:
    before = path_of(book).read_bytes()
    with pytest.raises(HostError, match="cannot make"):
        journal.create(book.session.directory, samples.started())
    assert path_of(book).read_bytes() == before


def test_a_journal_that_cannot_be_written_is_our_machine_s_failure(book: Journal) -> None:
    path_of(book).unlink()
    path_of(book).mkdir()
    with pytest.raises(HostError, match="cannot write"):
        book.append(samples.STOPPED)
    assert book.session.stopped is None


@pytest.mark.parametrize("room", [0, 1, 100, 4000])
def test_a_line_for_which_there_is_no_room_leaves_no_half_of_it(book: Journal, room: int) -> None:
    before = path_of(book).read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The disk is full after so many bytes: the first write is cut short, the second refused.
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + room, hard))
    try:
        with pytest.raises(HostError, match=r"cannot write .*: File too large") as caught:
            book.append(events.Tested(step=samples.broken(samples.commit("7"), "x" * 5000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "resume" in caught.value.hint
    assert path_of(book).read_bytes() == before
    assert book.session.steps == []
    book.append(samples.STOPPED)
    assert journal.read(book.session.directory) == book.session


def test_a_line_that_is_too_long_is_not_written(book: Journal) -> None:
    before = path_of(book).read_bytes()
    with pytest.raises(HostError, match=r"a line of \d+ MiB is too long"):
        book.append(events.Tested(step=samples.broken(samples.commit("7"), "x" * (17 << 20))))
    assert path_of(book).read_bytes() == before
    assert journal.read(book.session.directory) == book.session


# -- one writer ----------------------------------------------------------------------------------------


def test_a_second_holder_is_refused_with_the_first_one_s_process(book: Journal) -> None:
    directory = book.session.directory
    with (
        journal.held(directory),
        pytest.raises(UserError, match=rf"^session {directory.name} is held by process {os.getpid()}$"),
        journal.held(directory),
    ):
        pass  # pragma: no cover


def test_a_session_is_free_when_its_holder_is_gone(book: Journal) -> None:
    for _ in range(2):
        with journal.held(book.session.directory):
            assert (book.session.directory / "lock").read_text() == f"{os.getpid()}\n"


def test_a_holder_that_fails_frees_the_session(book: Journal) -> None:
    with pytest.raises(HostError), journal.held(book.session.directory):
        raise HostError("the disk is full")
    with journal.held(book.session.directory):
        assert (book.session.directory / "lock").exists()
