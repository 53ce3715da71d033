"""What is known of a session? The events of its journal, one after the other -> Session."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from bisector import keep
from bisector.endings import Conclusion
from bisector.events import (
    SPOILED,
    Asked,
    Concluded,
    Distrusted,
    Inherited,
    Marked,
    Measured,
    Recorded,
    Rejudged,
    Reread,
    Resumed,
    Searching,
    Started,
    Stopped,
    Tested,
    Unmarked,
)
from bisector.model import Purpose, Question, Step, Verdict


@dataclass(slots=True)
class Session:
    """All that a journal says. `spoiled`: the numbers of lines that are none of ours (a torn last line).

    `reread`: the last of them; not `rejudged`: the steps' verdicts are not yet those that follow from it.
    `inherited`: commits that make the kernel of another one, which was tested; not `inheriting`: none may any more.
    """

    directory: Path
    started: Started
    steps: list[Step] = field(default_factory=list)
    asked: Asked | None = None
    measured: Measured | None = None
    searching: Searching | None = None
    marks: dict[str, Marked] = field(default_factory=dict)
    reread: Reread | None = None
    rejudged: bool = True
    inherited: dict[str, Inherited] = field(default_factory=dict)
    inheriting: bool = True
    conclusion: Conclusion | None = None
    stopped: Stopped | None = None
    last: str = ""
    spoiled: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The session's name, which is its directory's."""
        return self.directory.name

    @property
    def question(self) -> Question | None:
        """The question, None before the ends were tested."""
        return self.asked.question if self.asked else None

    @property
    def on(self) -> dict[str, Verdict]:
        """What an outcome's name means: as at the start, or as a person said since."""
        return self.reread.on if self.reread else self.started.settings.on

    @property
    def lost(self) -> bool:
        """Whether nothing can go on with it: its kernels are not those of its commits."""
        return self.stopped is not None and self.stopped.why == SPOILED

    def of_edge(self, purpose: Purpose) -> list[Step]:
        """Return the steps of this purpose on which the answer rests; all of them, where no commit is named.

        Another edge may have been booted before, and have not held.
        """
        steps = [step for step in self.steps if step.purpose is purpose]
        made = self.conclusion
        named = [*([made.culprit] if made.culprit else []), *(one.commit for one in made.candidates)] if made else []
        if not named or purpose not in (Purpose.CULPRIT, Purpose.PARENT):
            return steps
        below = {parent for commit in named for parent in commit.parents}
        wanted = {named[0].id} if purpose is Purpose.CULPRIT else below
        chosen = [step for step in steps if step.commit.id in wanted]
        if any(step.observation for step in chosen):
            return chosen
        # None of the parents can be tested: an old commit beside them stands for them, booted after the culprit.
        culprit = (Purpose.CULPRIT, named[0].id)
        begin = next((at for at, step in enumerate(self.steps) if (step.purpose, step.commit.id) == culprit), 0)
        return [step for step in self.steps[begin:] if step.purpose is purpose]

    def catch_up(self, newer: Session) -> None:
        """Take over what a newer reading of the same journal says."""
        for known in fields(newer):
            setattr(self, known.name, getattr(newer, known.name))

    def take(self, event: Recorded) -> None:
        """Add one event to what is known."""
        self.last = event.at
        match event:
            case Tested():
                self.steps.append(event.step)
                # Whatever comes after an answer takes it back: a person has doubts.
                self.conclusion = None
            case Marked():
                self.marks[event.commit.id] = event
                self.conclusion = None
            case Unmarked():
                self.marks.pop(event.commit.id, None)
                self.conclusion = None
            case Inherited():
                self.inherited[event.commit.id] = event
            case Distrusted():
                self.inherited, self.inheriting = {}, False
                self.conclusion = None
                self.steps = [one for one in self.steps if not keep.inferred(one.kernel) and not one.boot_of]
            case Reread():
                self.reread, self.rejudged = event, False
                self.steps = [_with(step, observation=event.observations.get(step.key)) for step in self.steps]
                self.asked = self.conclusion = None
            case Rejudged():
                self.rejudged = True
                judged = [(step, event.verdicts.get(step.key)) for step in self.steps]
                self.steps = [_with(step, verdict=new and new[0], because=new and new[1]) for step, new in judged]
            case Asked():
                self.asked = event
            case Measured():
                self.measured = event
            case Searching():
                self.searching = event
            case Concluded():
                self.conclusion = event.conclusion
            case Stopped():
                self.stopped = event
                if self.lost:
                    self.conclusion = None
            case Resumed():
                self.stopped = None
            case Started():
                pass


def _with(step: Step, **changes: object) -> Step:
    """Return the step with what is new of it; None is nothing new."""
    new = {name: value for name, value in changes.items() if value is not None}
    return replace(step, **new) if new else step  # type: ignore[arg-type]  # named like the fields, by us
