"""How does one session go on to its end, however often it is struck?"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from random import Random

from torturing import processes
from torturing.moments import Moment, wait_for_next
from torturing.place import Run
from torturing.session import DONE, RUN_SECONDS, Calm, Hit, Record, Seen, after_run, at_end, only_session, wait

# Runs after which a session is said not to end, and failures in a row that nothing of ours explains.
MOST_RUNS, MOST_FAILURES = 40, 3

# Told the run; returns what was hit, None if there was nothing to hit any more.
Strike = Callable[[Run], str | None]


class Driver:
    """Drives one session to its end: blows at the given gaps, and after each end of a run the next one."""

    def __init__(
        self,
        record: Record,
        calm: Calm,
        random: Random,
        *,
        same_line: bool,
        faults: Callable[[], int] = lambda: 0,
    ) -> None:
        """`same_line`: the words of `start` resume; `faults`: returns how many were injected so far."""
        self.record, self.calm, self.random = record, calm, random
        self.same_line, self.faults = same_line, faults
        self.failed_in_a_row = 0

    def drive(self, moments: Sequence[Moment], strike: Strike) -> Record:
        """Go on until the session has ended, or something is wrong."""
        record, place = self.record, self.record.place
        rest = list(moments)
        started = time.monotonic()
        while len(record.codes) < MOST_RUNS:
            before = Seen.of(only_session(place))
            run = place.run(self._words(before))
            blows = len(record.hits) + self.faults()
            self._strike(run, rest, strike)
            if hanging := not wait(run, RUN_SECONDS):
                record.failures.append(f"hangs in {run.phase()}:\n{processes.tree()}")
                processes.cut_power()
            record.codes.append(code := run.process.wait())
            after = Seen.of(only_session(place))
            record.failures += after_run(run, before, after, place.story)
            if code in DONE and after.session is not None:
                record.failures += at_end(place, after.session, code, self.calm)
                break
            if hanging or (unexplained := self._unexplained(run, len(record.hits) + self.faults() > blows)):
                record.failures += [] if hanging else unexplained
                break
        else:
            record.failures.append(f"has not ended after {MOST_RUNS} runs")
        record.seconds = time.monotonic() - started
        return record

    def _words(self, before: Seen) -> list[str]:
        """Choose how to go on: by `resume`, or by the line that began the session.

        Once there is an answer that line begins a new session: only `resume` gives the answer again.
        """
        place = self.record.place
        by_line = self.same_line and not before.concluded() and self.random.random() < 0.5
        if before.session is None or by_line:
            return place.start_words()
        return place.resume_words()

    def _strike(self, run: Run, moments: list[Moment], strike: Strike) -> None:
        """Give this run the blows that it lives to see."""
        while moments and wait_for_next(run, moments, RUN_SECONDS):
            at = run.phase()
            if (victim := strike(run)) is not None:
                self.record.hits.append(Hit(victim, at))

    def _unexplained(self, run: Run, hit: bool) -> list[str]:
        """Return what is wrong with an end without an answer: nothing, if our blow explains it."""
        code, hits = run.code, self.record.hits
        self.failed_in_a_row = 0 if hit else self.failed_in_a_row + 1
        if code == -signal.SIGKILL and hit:
            return []
        # What broke in one run may be found in the next one, and then be mended: but not run after run.
        if code in (20, 130) and (hit or hits or self.faults()) and self.failed_in_a_row < MOST_FAILURES:
            return []
        return [f"exit code {code} in {run.phase()}: {run.why()} (the last blow: {hits[-1] if hits else 'none'})"]
