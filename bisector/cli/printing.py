"""Where do words go? People's to standard output, or to standard error beside JSON; and the exit codes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from bisector import events
from bisector.display import Display, table
from bisector.endings import Kind
from bisector.errors import HostError
from bisector.host import stopping
from bisector.host.listener import Listener
from bisector.report import harmless

# The same for every command; 0 is also "done". Usage and all that a person can mend: 2.
CODES = {
    Kind.FOUND: 0,
    Kind.ENDS_UNFIT: 2,
    Kind.AMONG: 10,
    Kind.ENDS_AGREE: 11,
    Kind.NOT_REPRODUCED: 12,
    Kind.OLD_SHOWS_IT: 13,
    Kind.MERGE_BASE_SHOWS_IT: 14,
    Kind.CONTRADICTION: 15,
    Kind.BELOW_CONFIDENCE: 16,
}
USER, HOST, INTERRUPTED = 2, 20, 130


def complain(message: str, hint: str) -> None:
    """Say what failed, and what to do, on standard error; where that cannot be said the exit code is the word."""
    with suppress(OSError):
        print(f"bisector: {harmless.line(message)}", file=sys.stderr)
        if hint:
            print(f"  {harmless.line(hint)}", file=sys.stderr)


@contextmanager
def _heard() -> Iterator[None]:
    """Raise Interrupted for a reader that has gone: a session that nobody hears stops; HostError for a full disk."""
    try:
        yield
    except BrokenPipeError as error:
        raise stopping.unheard() from error
    except OSError as error:
        raise HostError(f"cannot write to our output: {error.strerror}", "make room, then resume") from error


class Printer:
    """Where words go: people's on standard output, or on standard error beside JSON.

    `on_event`: a shell command that is told each event, but where a session is right now.
    """

    def __init__(self, as_json: bool, on_event: str | None = None) -> None:
        self.as_json = as_json
        # Whether all that was said had a reader.
        self.heard = True
        self._listener = Listener(on_event, self.warn) if on_event else None
        self.people: TextIO = sys.stderr if as_json else sys.stdout
        self._display: Display | None = None

    def value(self, value: object) -> None:
        """Print a value as one line of JSON; where the reader has read enough, the exit code stands all the same."""
        with self._whoever_reads():
            self._write(value)

    def say(self, words: str) -> None:
        """Print for people; where the reader has read enough, what is left to do is done all the same."""
        with self._whoever_reads():
            print(words, file=self.people, flush=True)

    def table(self, head: list[str], rows: list[list[str]]) -> None:
        """Print a table for people, as `say` does."""
        with self._whoever_reads():
            table(self.people, head, rows)
            self.people.flush()

    def _write(self, value: object) -> None:
        sys.stdout.write(events.encode(value).decode() + "\n")
        sys.stdout.flush()

    @contextmanager
    def _whoever_reads(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            self.heard = False

    def warn(self, words: str) -> None:
        """Say beside the events what a person should know. Raises Interrupted if nobody reads any more."""
        with _heard():
            self.display.say(words)

    @property
    def display(self) -> Display:
        """The live display, begun at its first use."""
        self._display = self._display or Display(self.people)
        return self._display

    def emit(self, event: events.Event) -> None:
        """Tell an event of a session to whoever listens. Raises Interrupted if nobody does any more."""
        with _heard():
            if self.as_json:
                self._write(event)
            self.display.tell(event)
            if self._listener is not None and not isinstance(event, events.Progress):
                self._listener.tell(events.encode(event))

    def close(self) -> None:
        """End the live display."""
        if self._display is not None:
            self._display.close()
