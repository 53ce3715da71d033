"""Killed at any instant, anything of it, does a session go on to the right commit and leave nothing behind?"""

from __future__ import annotations

import signal
from random import Random

from torturing import processes
from torturing.campaign import Campaign, counted
from torturing.driver import Driver, Strike
from torturing.moments import drawn
from torturing.place import PHASES, Place, Run
from torturing.session import Record

# Sessions on one history, whose undisturbed one is then run once; kills that one session may get.
PER_STORY, MOST = 5, 5
# How many of the sessions find the probe compiled, as all but a user's first do.
COMPILED = 0.75
EVERYTHING = "everything at once"


def killing(random: Random) -> Strike:
    """Return the blow: SIGKILL to one process of a kind that is drawn from those alive, or to all as a power cut."""

    def strike(run: Run) -> str | None:
        running = processes.alive({run.process.pid})
        if not running:
            return None
        kind = random.choice([*sorted({process.kind for process in running}), EVERYTHING])
        if kind == EVERYTHING:
            processes.cut_power()
        else:
            processes.strike([random.choice([one for one in running if one.kind == kind])], signal.SIGKILL)
        return kind

    return strike


def run(campaign: Campaign, kills: int, *, same_line: bool) -> None:
    """Kill until so many kills have hit; put the rows into the table."""
    for home, story, calm in campaign.stories():
        for number in range(PER_STORY):
            missing = kills - sum(len(record.hits) for record in campaign.records)
            if missing <= 0:
                break
            random = campaign.random(home.name, number)
            record = Record(f"{home.name}-{number + 1}", Place.make(home / f"session-{number + 1}", story))
            driver = Driver(record, calm, random, same_line=same_line)
            if random.random() < COMPILED:
                record.place.take_probe(home / "undisturbed")
            instants = drawn(calm.intervals, min(missing, random.randint(1, MOST)), random)
            campaign.take(driver.drive(instants, killing(random)))
        if sum(len(record.hits) for record in campaign.records) >= kills:
            break
    hits = [hit for record in campaign.records for hit in record.hits]
    campaign.rows += [
        ("kills (SIGKILL) at random instants", str(len(hits))),
        ("of what", counted(hit.victim for hit in hits)),
        ("in which phase", counted((hit.phase for hit in hits), PHASES)),
        ("killed sessions that ended with the right answer", campaign.right()),
        ("observations lost or counted twice, verdicts changed", str(campaign.failed("lost", "counted", "verdict"))),
        ("finished kernels built again, kernels unlike an undisturbed session's", str(campaign.failed("kernel"))),
        ("processes, files, locks, worktrees left behind", str(campaign.failed("still runs", "left", "lock of git"))),
    ]
