"""Which kernels are built before anybody asks for them? Those of the next steps, whatever this step's verdict is.

A step's build is mostly one linker's and one make's, and a boot is one core's, so on a machine with more of them some
stand idle. Processes beside ours build there what the next step can need, in worktrees of their own, and put it into
the store, where the step finds it as it finds any other kernel: they are believed what another session would be. What
the verdict makes useless is broken off.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from bisector.errors import HostError
from bisector.host import disk
from bisector.host.aside import Aside
from bisector.settings import Settings

# Below the session's directory, one for each: its kernels, its logs, its complaints.
PLACE = "ahead-{}"
MODULE = "bisector.forerunner"


def sweep(directory: Path) -> None:
    """Remove what the forerunners of a killed session left in its directory."""
    for left in directory.glob(PLACE.format("*")):
        disk.remove(left)


@dataclass(frozen=True, slots=True)
class Work:
    """What a forerunner is told first. `commit`: for its worktree, if there is none yet."""

    settings: Settings
    directory: str
    state: str
    commit: str


@dataclass(frozen=True, slots=True)
class Order:
    """One kernel. `exact`, `clean`: as for `making.made`."""

    commit: str
    exact: bool = False
    clean: bool = False


class Process(Protocol):
    """What a forerunner's process can: see `Aside`."""

    def say(self, line: bytes) -> None: ...
    def heard(self, seconds: float) -> bytes | None: ...
    def end(self) -> None: ...


@dataclass(slots=True)
class _Forerunner:
    directory: Path
    process: Process | None = None
    order: Order | None = None
    since: float = field(default_factory=time.monotonic)


class Ahead:
    """The forerunners of a session. `settings`: of that; `commit`: any of the repository's; `begin`: starts one."""

    def __init__(
        self,
        settings: Settings,
        directory: Path,
        state: Path,
        commit: str,
        begin: Callable[[Path], Process] = lambda log: Aside(MODULE, log),
    ) -> None:
        # Together they take no more than a build of ours may, and with fewer compilers than cores one of them ends.
        fewer = dataclasses.replace(
            settings, jobs=max(1, settings.jobs // 2), build_memory=settings.build_memory // 2, ahead=0
        )
        self._state, self._settings, self._commit, self._start = state, fewer, commit, begin
        self._runners = [_Forerunner(directory / PLACE.format(number)) for number in range(settings.ahead)]
        self._done: set[Order] = set()
        self._wanted: list[Order] = []

    def want(self, orders: Sequence[Order], now: str = "") -> None:
        """Have these kernels built, the first first, and nothing else. Never fails: it is no more than a help.

        `now`: a commit that is wanted at once, for which `awaited` will be called.
        """
        self._wanted = list(orders)
        for runner in self._runners:
            self._hear(runner, 0)
            if runner.order is not None and runner.order not in orders and runner.order.commit != now:
                self._end(runner)
        self._assign()

    def _assign(self) -> None:
        begun = {runner.order for runner in self._runners}
        left = [order for order in self._wanted if order not in self._done and order not in begun]
        for runner in self._runners:
            if runner.order is None and left:
                self._begin(runner, left.pop(0))

    def awaited(self, commit: str, *, clean: bool) -> bool:
        """Wait for the commit's kernel if it is being built, but no longer than that has lasted already.

        So at worst we wait as long again as was spent in vain. Return whether there may be a kernel in the store now.
        """
        for runner in self._runners:
            if runner.order is not None and (runner.order.commit, runner.order.clean) == (commit, clean):
                order = runner.order
                self._hear(runner, max(1.0, time.monotonic() - runner.since))
                self._end(runner)
                self._assign()
                return order in self._done
        return False

    def close(self) -> None:
        """End all of them, and remove what they have beside the store."""
        for runner in self._runners:
            self._end(runner, stay=False)
            disk.remove(runner.directory)

    def _begin(self, runner: _Forerunner, order: Order) -> None:
        try:
            if runner.process is None:
                work = Work(self._settings, str(runner.directory), str(self._state), self._commit)
                # In a file: a line must fit into a pipe that nobody reads yet, and a fragment may be long.
                told = runner.directory / "work.json"
                with disk.writing(told):
                    runner.directory.mkdir(exist_ok=True)
                    told.write_bytes(msgspec.json.encode(work))
                runner.process = self._start(runner.directory / "log")
                runner.process.say(os.fsencode(told))
        except HostError:
            return
        runner.process.say(msgspec.json.encode(order))
        runner.order, runner.since = order, time.monotonic()

    def _hear(self, runner: _Forerunner, seconds: float) -> None:
        """Take in that it is ready, if it says so in time."""
        if runner.process is None or runner.order is None:
            return
        if (said := runner.process.heard(seconds)) is None:
            self._end(runner, stay=False)
        elif said:
            # Also what failed: it is not tried a second time.
            self._done.add(runner.order)
            runner.order = None

    def _end(self, runner: _Forerunner, *, stay: bool = True) -> None:
        """Break off what it builds; one that builds nothing may `stay` for the next order."""
        if runner.process is not None and (runner.order is not None or not stay):
            runner.process.end()
            runner.process = None
        runner.order = None
