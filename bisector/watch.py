"""When is a boot given up? What was heard, on the guest's own clock, against the limits. (pure)"""

from __future__ import annotations

from bisector.model import Ending, Limits, Spans

# A line longer than this is no line of the probe.
_LINE = 4096


class Watch:
    """One boot's listener. It is told every block, and the guest's clock now and then.

    The clock is rounded down to `grain` seconds. A block counts as said when the clock was next looked at, so a
    guest is never called silent too early, however rarely we come to look: on a busy host it is called so later.
    """

    def __init__(self, limits: Limits, nonce: str, grain: float) -> None:
        self.limits, self._grain = limits, grain
        self._mark = f"@bsct {nonce} "
        self._rest = ""
        self._size = 0
        # Clocks: of the last byte, of the probe's first line, of its last one that is no heartbeat.
        self._heard, self._marked, self._moved = 0.0, -1.0, 0.0
        self._news, self._moves = False, False
        self._clock = 0.0
        self._gap, self._pause = 0.0, 0.0

    @property
    def begun(self) -> bool:
        """Whether the probe's first line was heard."""
        return self._marked >= 0 or self._moves

    @property
    def flooded(self) -> bool:
        """Whether more was said than anybody wants to read."""
        return self._size > self.limits.output

    def hear(self, block: str) -> None:
        """Take what the guest said since the last call."""
        if not block:
            return
        self._size += len(block)
        self._news = True
        *lines, rest = (self._rest + block).split("\n")
        self._rest = rest[-_LINE:]
        for line in lines:
            place = line.find(self._mark)
            if place >= 0 and " beat n=" not in line[place:]:
                self._moves = True

    def look(self, clock: float, *, quiet: bool) -> Ending | None:
        """Return how the boot ends if a limit is broken at `clock`, None while all hold.

        `quiet`: nothing that was said before `clock` waits to be heard. Otherwise no limit is judged: what waits
        may be the very line that we miss.
        """
        self._clock = max(self._clock, clock)
        if self._news:
            self._gap = max(self._gap, self._clock - self._heard)
            self._heard, self._news = self._clock, False
        if self._moves:
            self._pause = max(self._pause, self._clock - self._moved) if self._marked >= 0 else 0.0
            self._marked = self._marked if self._marked >= 0 else self._clock
            self._moved, self._moves = self._clock, False
        return self._broken() if quiet else None

    def _broken(self) -> Ending | None:
        # One grain less than the clocks say: both are rounded down.
        now = self._clock - self._grain
        if now - self._heard >= self.limits.silence:
            return Ending.SILENT
        if self._marked < 0 and now >= self.limits.boot:
            return Ending.OVERDUE
        if self._marked >= 0 and now - self._moved >= self.limits.scenario:
            return Ending.OVERDUE
        return Ending.OVERDUE if now >= self.limits.total else None

    def spans(self) -> Spans:
        """Return what this boot needed, rounded up: what the next one may be measured by."""
        grain = self._grain
        boot = self._marked + grain if self._marked >= 0 else None
        return Spans(boot, self._gap + grain, self._pause + grain, self._clock + grain, self._size)
