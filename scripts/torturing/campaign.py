"""What has every campaign? A directory, a seed, the rows of the table, and what went wrong."""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from torturing.history import KINDS, Story, write
from torturing.session import Calm, Record, undisturbed


@dataclass
class Campaign:
    """One campaign at work. `rows`: what stands in the table; `failures`: sentences, empty if all is well."""

    name: str
    seed: int
    home: Path
    rows: list[tuple[str, str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def random(self, *words: object) -> Random:
        """Return the random numbers of one thing: the same for the seed, whatever else was drawn."""
        return Random("/".join(map(str, (self.seed, self.name, *words))))

    def tell(self, line: object) -> None:
        """Say one line, so that a person sees that it lives."""
        print(f"{self.name} {time.monotonic() - self.began:6.0f} s  {line}", file=sys.stderr, flush=True)

    def take(self, record: Record) -> None:
        """Count a session in, and remove its directory if all was well."""
        self.tell(record)
        self.records.append(record)
        self.failures += [f"{self.name}, {record.name}: {why}" for why in record.failures]
        record.close()

    def stories(self) -> Iterator[tuple[Path, Story, Calm]]:
        """Yield histories, of every kind in turn, each after an undisturbed session of it."""
        kinds = list(KINDS)
        for number in range(1_000_000):
            home = self.home / f"story-{number + 1}"
            home.mkdir(parents=True)
            story = write(home / "linux", self.random(number), kinds[number % len(kinds)])
            calm, record = undisturbed(home / "undisturbed", story)
            self.tell(
                f"story {number + 1}: {story.kind}, {' '.join(story.words)}: {record.seconds:.1f} s undisturbed"
            )
            if record.failures:
                self.take(record)
                return
            yield home, story, calm
            record.close()
            if not any(path.is_dir() for path in home.iterdir() if path.name != "linux"):
                shutil.rmtree(home)

    def right(self) -> str:
        """Return how many of the sessions ended right."""
        return f"{sum(not record.failures for record in self.records)} of {len(self.records)}"

    def failed(self, *words: str) -> int:
        """Return how many failures hold one of these words."""
        return sum(any(word in failure for word in words) for failure in self.failures)


def counted(values: Iterable[str], order: Iterable[str] = ()) -> str:
    """Return `7 build, 3 boot`: how often each value is there."""
    counts = Counter(values)
    names = [*(name for name in order if name in counts), *sorted(counts.keys() - set(order))]
    return ", ".join(f"{counts[name]} {name}" for name in names) or "none"
