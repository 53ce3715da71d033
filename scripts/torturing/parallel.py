"""Four bisections at the same time, on one repository and on four: do all end right, each in its own place?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from torturing import processes
from torturing.campaign import Campaign
from torturing.history import Story
from torturing.place import Place, Run, lines
from torturing.session import RUN_SECONDS, Calm, Record, Seen, after_run, at_end, journal_of, wait

SESSIONS = 4
# So that the four lines on one repository differ: the same line would mean the same session.
BOOTS = ((1, 1), (1, 2), (2, 1), (2, 2))


def run(campaign: Campaign, rounds: int, *, same_line: bool) -> None:
    """Run so many rounds of four; put the rows into the table."""
    stories = []
    for home, story, calm in campaign.stories():
        (home / "kept").mkdir()
        stories.append((story, calm))
        # One round in CI is on one repository and needs one history.
        if len(stories) == min(SESSIONS, 1 if rounds == 1 else SESSIONS):
            break
    refused = 0
    for number in range(rounds):
        root = campaign.home / f"round-{number + 1}"
        one = number % 2 == 0
        chosen = _on_one(stories[number % len(stories)]) if one else stories
        if len(chosen) < SESSIONS:
            return
        places = _places(root, [story for story, _ in chosen], one)
        record = Record(f"round {number + 1} on {'one repository' if one else 'four repositories'}", places[0])
        refused += _round(record, places, [calm for _, calm in chosen], same_line)
        campaign.take(record)
    campaign.rows += [
        (f"rounds of {SESSIONS} sessions at once that ended right, every one", campaign.right()),
        ("second starts of a running session, refused by naming its process", f"{refused} of {rounds}"),
    ]


def _on_one(told: tuple[Story, Calm]) -> list[tuple[Story, Calm]]:
    """Return four sessions on one history, whose lines differ in their boots."""
    story, calm = told
    sessions = []
    for ends, confirms in BOOTS:
        words = (*story.words, "--end-boots", str(ends), "--confirm-boots", str(confirms))
        sessions.append((replace(story, words=words, end_boots=ends, confirm_boots=confirms), calm))
    return sessions


def _places(root: Path, stories: Sequence[Story], one: bool) -> list[Place]:
    """Return the sessions' places: one user with one state and one cache, and one repository or four."""
    first = Place.make(root, stories[0])
    places = [first]
    for number, story in enumerate(stories[1:], 1):
        repo = first.repo
        if not one:
            repo = Place.make(root / f"user-{number}", story).repo
        places.append(replace(first, story=story, repo=repo, runs=10 * number))
    return places


def _round(record: Record, places: Sequence[Place], calms: Sequence[Calm], same_line: bool) -> int:
    """Run four sessions at once and check each; return 1 if a second start was refused as it must be."""
    runs = [place.run(place.start_words()) for place in places]
    refused = _refused(record, places[0], runs[0], same_line)
    for run in runs:
        if not wait(run, RUN_SECONDS):
            record.failures.append(f"hangs in {run.phase()}:\n{processes.tree()}")
            processes.cut_power()
        record.codes.append(run.process.wait())
    trees = list(places[0].state.glob("workspaces/*/*/tree"))
    if len(trees) != SESSIONS:
        record.failures.append(f"{SESSIONS} sessions at once had {len(trees)} worktrees")
    calm = replace(calms[0], names=set().union(*(one.names for one in calms)))
    for place, run, own in zip(places, runs, calms, strict=True):
        name = next((event["session"] for event in run.events() if event.get("event") == "started"), None)
        if name is None:
            record.failures.append(f"exit code {run.code} without a session: {run.why()}")
            continue
        session = place.state / "sessions" / name
        record.failures += after_run(run, Seen.of(None), Seen.of(session), place.story)
        if not list(lines(journal_of(session))) or run.code is None:
            continue
        record.failures += at_end(place, session, run.code, replace(own, names=calm.names))
    return refused


def _refused(record: Record, place: Place, first: Run, same_line: bool) -> int:
    """Start the first session once more while it runs: it must be refused by naming the process that holds it."""
    name = None
    while name is None and not wait(first, 0.05):
        name = next((event["session"] for event in first.events() if event.get("event") == "started"), None)
    if name is None:
        record.failures.append(f"ended before it began: {first.why()}")
        return 0
    second = place.run(place.start_words() if same_line else place.resume_words(name))
    wait(second, RUN_SECONDS)
    if second.code == 2 and f"is held by process {first.process.pid}" in second.why():
        return 1
    record.failures.append(f"a second start ended with {second.code}: {second.why()}")
    return 0
