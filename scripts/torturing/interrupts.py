"""Asked to stop, at any instant, does a session stop at once, say how to go on, and then go on?"""

from __future__ import annotations

import signal
from random import Random

from torturing import processes
from torturing.campaign import Campaign, counted
from torturing.driver import Driver, Strike
from torturing.moments import drawn
from torturing.place import PHASES, Place, Run
from torturing.session import DONE, Record, only_session, wait

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds that stopping may take before we no longer wait to measure it.
PATIENCE = 20.0


class Stopping:
    """The blow, and what was seen of each: the seconds until nothing ran, and what was wrong."""

    def __init__(self, record: Record, random: Random) -> None:
        self.record, self.random = record, random
        self.seconds: list[float] = []

    def strike(self, run: Run) -> str | None:
        """Ask bisector to stop, as a terminal or an init would, and see how it does."""
        if run.code is not None:
            return None
        number = self.random.choice(SIGNALS)
        at = run.phase()
        began = only_session(self.record.place) is not None
        processes.strike([one for one in processes.below() if one.pid == run.process.pid], number)
        remaining, spent = processes.left(PATIENCE, {run.process.pid})
        self.seconds.append(spent)
        said = f"{number.name} in {at}"
        if spent > processes.GRACE:
            who = f"; still there: {', '.join(map(str, remaining))}" if remaining else ""
            self.record.failures.append(f"{said}: still runs {spent:.1f} s later{who}")
            processes.cut_power()
            return number.name
        if wait(run, 1):
            self.record.failures += self._end(run, number, said, began)
        return number.name

    def _end(self, run: Run, number: signal.Signals, said: str, began: bool) -> list[str]:
        """Check the exit code and the last line. Before there is a session there is nothing to go on with."""
        if run.code in DONE or (run.code == -number and not began and "Traceback" not in run.err.read_text()):
            return []
        if run.code != 130:
            return [f"{said}: exit code {run.code}, not 130: {run.why()}"]
        if began and "resume" not in run.last_words():
            return [f"{said}: the last line does not say how to go on: {run.last_words()!r}"]
        return []


def run(campaign: Campaign, interrupts: int, *, same_line: bool) -> None:
    """Interrupt so many times; put the rows into the table."""
    seconds: list[float] = []
    number = 0
    for home, story, calm in campaign.stories():
        while len(seconds) < interrupts and number < 10_000:
            number += 1
            random = campaign.random(number)
            record = Record(f"session-{number}", Place.make(home / f"session-{number}", story))
            stopping = Stopping(record, random)
            driver = Driver(record, calm, random, same_line=same_line)
            strike: Strike = stopping.strike
            record.place.take_probe(home / "undisturbed")
            count = min(interrupts - len(seconds), random.randint(1, 4))
            campaign.take(driver.drive(drawn(calm.intervals, count, random), strike))
            seconds += stopping.seconds
            if number % 3 == 0:
                break
        if len(seconds) >= interrupts:
            break
    hits = [hit for record in campaign.records for hit in record.hits]
    campaign.rows += [
        ("interruptions at random instants", counted(hit.victim for hit in hits)),
        ("in which phase", counted((hit.phase for hit in hits), PHASES)),
        ("the longest until nothing of it ran", f"{max(seconds, default=0):.2f} s"),
        ("interrupted sessions that ended with the right answer", campaign.right()),
    ]
