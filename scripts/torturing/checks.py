"""What went wrong? Pure comparisons of what a session should have kept with what it has; each says a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set

from torturing.history import Story
from torturing.place import Json

Files = Mapping[str, str]


def lost(before: bytes, after: bytes) -> list[str]:
    """A journal only grows: the earlier one is the beginning of the later, byte for byte."""
    return [] if after.startswith(before) else ["the journal is not what it was, and more: its beginning changed"]


def unrecorded(said: Iterable[Json], journal: Sequence[Json]) -> list[str]:
    """What a person was told is on the disk: every event but progress and the plan."""
    kept = list(journal)
    told = [event for event in said if event.get("event") not in (None, "progress", "planned", "stopped")]
    return [f"lost: the event {one['event']} was told, and the journal has it not" for one in told if one not in kept]


def _steps(journal: Iterable[Json]) -> list[Json]:
    return [event["step"] for event in journal if event.get("event") == "step"]


def counted_twice(journal: Iterable[Json], story: Story) -> list[str]:
    """No commit has more observations for a purpose than were asked for."""
    asked = {"old-end": story.end_boots, "new-end": story.end_boots}
    asked |= dict.fromkeys(("culprit", "parent", "reverted"), story.confirm_boots)
    counts = Counter((step["commit"]["id"], step["purpose"]) for step in _steps(journal))
    return [
        f"counted twice: {commit[:12]} has {number} observations as {purpose}"
        for (commit, purpose), number in counts.items()
        if number > asked.get(purpose, 1)
    ]


def verdicts(journal: Iterable[Json]) -> dict[str, tuple[str | None, str]]:
    """Return the verdict and its reason by commit and purpose."""
    return {f"{s['commit']['id'][:12]} as {s['purpose']}": (s["verdict"], s["because"]) for s in _steps(journal)}


def judged_otherwise(journal: Iterable[Json], calm: Iterable[Json]) -> list[str]:
    """Every commit has the verdict, and the reason, that an undisturbed session saw."""
    expected = verdicts(calm)
    return [
        f"wrong verdict: {who} is {found}, undisturbed {expected.get(who, 'not tested')}"
        for who, found in verdicts(journal).items()
        if expected.get(who) != found
    ]


def answered_wrong(code: int, journal: Iterable[Json], story: Story) -> list[str]:
    """The session ends with the right commit, or the honest set, and the exit code that belongs to it."""
    found = [event["conclusion"] for event in journal if event.get("event") == "conclusion"]
    if len(found) != 1:
        return [f"the journal has {len(found)} conclusions (exit code {code})"]
    named = {one["commit"]["id"] for one in found[0]["candidates"]}
    named |= {found[0]["culprit"]["id"]} if found[0]["culprit"] else set()
    if code == story.answer.code and named == story.answer.commits:
        return []
    short = sorted(commit[:12] for commit in named)
    right = sorted(commit[:12] for commit in story.answer.commits)
    return [f"wrong answer: exit code {code} names {short}, right is {story.answer.code} with {right}"]


def spoiled_kernels(found: Mapping[str, Files], calm: Mapping[str, Files]) -> list[str]:
    """Every kept kernel is, bit for bit, the one that an undisturbed session kept."""
    return [
        f"kept kernel {name} is not what an undisturbed session keeps: {sorted(different)}"
        for name in found.keys() | calm.keys()
        if (different := {k for k, _ in set(found.get(name, {}).items()) ^ set(calm.get(name, {}).items())})
    ]


def lost_kernels(before: Mapping[str, Files], after: Mapping[str, Files]) -> list[str]:
    """A kernel that was kept stays as it is."""
    return [f"kept kernel {name} was lost or changed" for name in before if after.get(name) != before[name]]


def left_behind(names: Set[str], calm: Set[str]) -> list[str]:
    """No file that an undisturbed session does not leave as well."""
    return [f"left behind: {name}" for name in sorted(names - calm)]


def touched(before: Files, after: Files) -> list[str]:
    """The user's repository is, byte for byte, as before."""
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return [f"the repository was touched: {name}" for name in names]
