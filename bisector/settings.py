"""What decides a session? Its settings, fixed at its start."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bisector.evidence import limits
from bisector.model import Outcome, Verdict

# Words that go to make and QEMU as they are; make would run a $(shell ...) in them.
PLAIN = {"cross_compile": r"[\w./+-]*", "llvm": r"[\w./+-]*", "cpu": r"[\w.,=+-]*"}


@dataclass(frozen=True, slots=True)
class Settings:
    """All that decides what a session does, fixed at its start. `scenario` and outcomes: None means ask the ends.

    `fragment`: the kconfig lines, so that a resumed session builds the same kernels. `limits`: those that a person
    gave, by the names of `Limits`; the others are measured at the ends. `on`: what an outcome's name means.
    `sandbox`: "bubblewrap", or "none: " and why. `build_memory`, `build_disk`: bytes that a build may use, 0 for no
    bound. `confirm_boots`: 0 for as many as the rates ask for. `given`: the words of a person on what this machine
    else decides, for a later machine decides otherwise. `confidence`: that the commit which is named is the one.
    `store`: kernels that other sessions built are taken, and ours are kept for them. `ahead`: processes that build
    what the next step may need. `suspects`: paths whose commits have one half of the likelihood for themselves,
    and all commits share the other; "" is every path, which makes all alike, as none does.
    """

    repo: str
    arch: str
    cross_compile: str
    llvm: str
    jobs: int
    ccache: str | None
    accel: str
    cpu: str
    limits: dict[str, float]
    on: dict[str, Verdict]
    fragment: str
    scenario: str | None
    old_outcome: str | None
    new_outcome: str | None
    end_boots: int
    confirm_boots: int
    sandbox: str = "none: this session began before there was one"
    build_memory: int = 0
    build_disk: int = 0
    given: dict[str, str] = field(default_factory=dict)
    confidence: float = 0.99
    store: bool = True
    ahead: int = 0
    suspects: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no start of ours writes: a journal may be damaged, or be somebody else's."""
        sound = {
            "repo": self.repo.startswith("/") and "\0" not in self.repo,
            "accel": self.accel in ("tcg", "kvm"),
            "sandbox": self.sandbox == "bubblewrap" or self.sandbox.startswith("none: "),
            "jobs": 1 <= self.jobs <= 4096,
            "end_boots": 1 <= self.end_boots <= 10_000,
            "confirm_boots": 0 <= self.confirm_boots <= 10_000,
            "confidence": 0.5 <= self.confidence < 1,
            "build_memory": self.build_memory >= 0,
            "build_disk": self.build_disk >= 0,
            "ahead": 0 <= self.ahead <= 64,
        }
        sound |= {name: bool(re.fullmatch(shape, getattr(self, name), re.ASCII)) for name, shape in PLAIN.items()}
        if wrong := [name for name, fits in sound.items() if not fits]:
            raise ValueError(f"no such setting: {wrong[0]} {getattr(self, wrong[0])!r}"[:200])
        limits.with_given(limits.UNMEASURED, self.limits)
        for outcome in (self.old_outcome, self.new_outcome):
            if outcome is not None:
                Outcome.parse(outcome)
