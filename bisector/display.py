"""What does a person see while it runs? A live line on a terminal, plain lines elsewhere (the home of Rich)."""

from __future__ import annotations

import os
import time
from typing import TextIO

from bisector.events import (
    Asked,
    Concluded,
    Distrusted,
    Event,
    Inherited,
    Marked,
    Measured,
    Planned,
    Progress,
    Rejudged,
    Reread,
    Resumed,
    Searching,
    Started,
    Tested,
    Unmarked,
)
from bisector.model import Step
from bisector.report import harmless, plan, rules

_COLOURS = {"old": "cyan", "new": "magenta", "untestable": "yellow"}
# What tells Rich of a terminal where there is none.
_FORCING = ("FORCE_COLOR", "TTY_COMPATIBLE")


class Display:
    """Tells a person each event: finished steps as lines that stay, the running one as a line that moves."""

    def __init__(self, stream: TextIO, *, live: bool = True) -> None:
        self._stream = stream
        self._terminal: Terminal | None = None
        self._phase = ""
        if stream.isatty() or any(os.environ.get(name) for name in _FORCING):
            # What stands in a pipe or a file needs no Rich, and its import is a tenth of a second.
            from bisector.terminal import Terminal

            self._terminal = Terminal(stream, live=live)

    def close(self) -> None:
        """Take the moving line away."""
        if self._terminal is not None:
            self._terminal.close()

    def tell(self, event: Event) -> None:
        """Show one event."""
        match event:
            case Progress():
                self._progress(event)
            case Started():
                self.say(f"session {event.session}")
                self.say(f"old end {event.old.short} {event.old.subject}")
                self.say(f"new end {event.new.short} {event.new.subject}")
                self.say(f"beside the asked outcomes (--on NAME=VERDICT): {rules.table(event.settings.on)}")
            case Planned():
                self.say(plan.line(event.plan))
            case Resumed():
                self.say("resumed")
            case Asked(question=asked):
                self.say(f"question: {asked.scenario}: old is {asked.old}, new is {asked.new}")
                if len(event.differing) > 1:
                    others = ", ".join(name for name in event.differing if name != asked.scenario)
                    self.say(f"the ends also differ in: {others} (--scenario NAME searches for one of these)")
            case Measured():
                self.say(f"limits of a boot, from {event.boots} boots of the ends: {rules.limits(event.limits)}")
            case Searching():
                known = "" if event.differing is None else f", {event.differing} of which can make another kernel"
                likely = f", {event.suspected} of these by a suspected file" if event.suspected else ""
                self.say(f"searching {event.commits} commits{known}{likely}")
            case Tested():
                self._step(event.step)
            case Marked():
                said = f"{event.commit.short} is {event.verdict.value} by a person's word: {event.because}"
                self.say(said)
            case Unmarked():
                self.say(f"{event.commit.short} is what its boots say again: {event.because}")
            case Inherited():
                said = f"none of the {event.differing} files in which they differ took part in the build"
                alike = "as broken" if event.broken else "the same kernel"
                self.say(f"{alike}: {event.commit.short} counts as {event.source.short} does: {said}")
            case Distrusted():
                self.say(f"what was inherited is not believed any more: {event.because}")
            case Reread() if event.observations:
                self.say(f"going on with {len(event.observations)} of {event.kept} boots that read otherwise now")
            case Reread():
                self.say(f"what outcomes mean from here on: {rules.table(event.on)}")
            case Rejudged():
                self.say(f"{len(event.verdicts)} verdicts are others now")
            case Concluded():
                self.say(f"ended: {event.conclusion.because}")

    def say(self, words: str, colour: str = "") -> None:
        """Print one line that stays, with the time. Raises BrokenPipeError if nobody reads any more."""
        clock, said = time.strftime("%H:%M:%S"), harmless.line(words)
        if self._terminal is not None:
            self._terminal.say(clock, said, colour)
            return
        print(f"{clock}  {said}", file=self._stream, flush=True)

    def _step(self, step: Step) -> None:
        verdict = step.verdict.value if step.verdict else "tested"
        spent = step.seconds
        booted = spent.boot + spent.probe
        told = [f"build {spent.build:.1f} s"] if spent.build else []
        told += [f"not booted: {step.boot_of} was, of this image"] if step.boot_of else []
        # Most steps are a boot and nothing else, and shall fit into eighty columns.
        told += [f"boot {booted:.1f} s" if told else f"{booted:.1f} s"] if booted else []
        times = f" [{', '.join(told)}]" if told else ""
        words = f"{step.purpose.value:<10} {step.commit.short} {verdict:<10} {step.because}{times}"
        self.say(words, _COLOURS.get(verdict, ""))

    def _progress(self, event: Progress) -> None:
        words = f"{event.purpose.value} {event.commit[:12]} {event.phase}"
        if self._terminal is None or not self._terminal.moves:
            # Without a line that moves each phase is said once; the objects that go by are not.
            if words != self._phase:
                self.say(words)
            self._phase = words
            return
        if event.objects:
            words += f", {event.objects} objects"
        if event.commits is not None:
            words += f" | {event.commits} commits, about {event.steps} steps left"
        if event.seconds_left is not None:
            words += f", about {plan.duration(event.seconds_left)}"
        self._terminal.move(harmless.line(words))


def table(stream: TextIO, head: list[str], rows: list[list[str]]) -> None:
    """Print a table; cells are made harmless here. Cells fold on a terminal, and are whole in a pipe."""
    from bisector import terminal

    terminal.table(stream, head, rows)
