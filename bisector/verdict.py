"""What does an observation answer? Observation + Question -> Verdict. (pure)"""

from __future__ import annotations

from bisector.model import BrokenBuild, Observation, Question, Verdict

# Outcomes that say that a scenario was not measured: no difference between them is a question.
NOT_MEASURED = frozenset({"NORUN", "ENV_BAD", "KERNEL_DEAD"})


def judge(observation: Observation, question: Question) -> tuple[Verdict, str]:
    """Return the verdict and its reason: the asked outcome to the letter, or untestable by name."""
    outcome = observation.reading(question.scenario).outcome
    if outcome == question.old:
        return Verdict.OLD, f"{question.scenario} is {outcome}"
    if outcome == question.new:
        return Verdict.NEW, f"{question.scenario} is {outcome}"
    boot = observation.reading("boot").outcome
    if outcome.word == "NORUN" and boot.word != "OK":
        return Verdict.UNTESTABLE, f"boot: {boot}"
    return Verdict.UNTESTABLE, f"{question.scenario} is {outcome}, neither {question.old} nor {question.new}"


def judge_build(broken: BrokenBuild) -> tuple[Verdict, str]:
    """A commit without a kernel has shown nothing."""
    return Verdict.UNTESTABLE, broken.because
