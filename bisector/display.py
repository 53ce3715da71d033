"""What does a person see while it runs? A live line on a terminal, plain lines elsewhere (the home of Rich)."""

from __future__ import annotations

import time
from typing import TextIO

from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from bisector.errors import Interrupted
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
from bisector.host import stopping
from bisector.model import Step
from bisector.report import harmless, plan, rules

_COLOURS = {"old": "cyan", "new": "magenta", "untestable": "yellow"}


class _Console(Console):
    """A console whose reader may go: Rich itself would end the process with exit code 1."""

    def on_broken_pipe(self) -> None:
        raise Interrupted("whoever read our output has gone", stopping.hint())


class Display:
    """Tells a person each event: finished steps as lines that stay, the running one as a line that moves."""

    def __init__(self, stream: TextIO, *, live: bool = True) -> None:
        self._console = _Console(file=stream, highlight=False, soft_wrap=True, emoji=False, markup=False)
        self._bar: Bar | None = None
        self._phase = ""
        if live and self._console.is_terminal and not self._console.is_dumb_terminal:
            columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
            self._bar = Bar(*columns, console=self._console, transient=True)
            self._task = self._bar.add_task("starting", total=None)
            self._bar.start()

    def close(self) -> None:
        """Take the moving line away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

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
                self.say(f"searching {event.commits} commits{known}")
            case Tested():
                self._step(event.step)
            case Marked():
                said = f"{event.commit.short} is {event.verdict.value} by a person's word: {event.because}"
                self.say(said)
            case Unmarked():
                self.say(f"{event.commit.short} is what its boots say again: {event.because}")
            case Inherited():
                said = f"none of the {event.differing} files in which they differ took part in the build"
                self.say(f"the same kernel: {event.commit.short} counts as {event.source.short} does: {said}")
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
        """Print one line that stays, with the time."""
        clock = time.strftime("%H:%M:%S")
        said = Text(harmless.line(words), style=colour)
        if self._bar is None:
            self._console.print(Text(f"{clock}  ") + said)
            return
        # A terminal would break lines in the middle of words, and begin the rest of them at its edge.
        row = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
        row.add_column(no_wrap=True)
        row.add_column(overflow="fold")
        row.add_row(clock, said)
        self._console.print(row, soft_wrap=False)

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
        if self._bar is None:
            # Without a terminal each phase is said once; the objects that go by are not.
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
        self._bar.update(self._task, description=harmless.line(words))


def table(stream: TextIO, head: list[str], rows: list[list[str]]) -> None:
    """Print a table; cells are made harmless here. Cells fold on a terminal, and are whole in a pipe."""
    console = Console(file=stream, highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        console.width = 100_000
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in head:
        made.add_column(Text(harmless.line(title)), overflow="fold")
    for row in rows:
        made.add_row(*(Text(harmless.line(cell)) for cell in row))
    with console.capture() as captured:
        console.print(made)
    stream.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))
