"""What does an observation answer? Observation + Question -> Verdict. (pure)

An outcome that is neither the old nor the new one is said by name, and what the name means stands in one table
that a person sees and can change: by default *untestable*, for every name.
"""

from __future__ import annotations

from collections.abc import Mapping

from bisector.model import BrokenBuild, Observation, Outcome, Question, Verdict
from bisector.scenarios import MEANINGS

# Outcomes that say that a scenario was not measured: no difference between them is a question.
NOT_MEASURED = frozenset({"NORUN", "ENV_BAD", "KERNEL_DEAD"})
# And those of a scenario that was begun and broken off: they are an end of the kernel's, or of our patience.
BROKEN_OFF = frozenset({"HUNG", "OOPS", "PANIC", "CUT_OFF", "FLOODED", "NO_POWER_OFF", "UNKILLABLE"})
NO_BUILD, OPTION_LOST = "no-build", "option-lost"
# The only name that is no verdict by default, but our machine's failure.
QEMU_GONE = "qemu-gone"

Table = Mapping[str, Verdict]


def _name(word: str) -> str:
    return word.lower().replace("_", "-")


# Name -> what it says, in the order of a step. A boot's names begin with `boot-`, but for those that say it already.
NAMES: Mapping[str, str] = {
    NO_BUILD: "make fails",
    OPTION_LOST: "a required option is gone",
    "boot-silent": "nothing is printed for the silence limit",
    "boot-panic": "a panic outside of the scenarios",
    "boot-oops": "an oops outside of the scenarios",
    "boot-overdue": "it talks, but the probe does not begin",
    "boot-flooded": "it talks without end",
    "boot-no-probe": "it powers off without the probe",
    "boot-cut-off": "it powers off in the middle",
    **{_name(word): meaning for word, meaning in MEANINGS.items()},
    "panic": "a panic during the scenario",
    "cut-off": "it powers off during the scenario",
    "flooded": "it talks without end during the scenario",
    "kernel-dead": "the canary died before the scenario",
    "no-power-off": "the probe ended, the machine did not",
    QEMU_GONE: "QEMU itself ends, at each of three tries",
}


def turned(table: Table) -> dict[str, Verdict]:
    """Return what the names mean to the question that is asked the other way round: a hang that was new is old."""
    other = {Verdict.OLD: Verdict.NEW, Verdict.NEW: Verdict.OLD}
    return {named: other.get(meaning, meaning) for named, meaning in table.items()}


def name(outcome: Outcome, scenario: str) -> str:
    """Return the name under which the table knows an outcome of this scenario."""
    word = _name(outcome.word)
    prefixed = f"boot-{word}"
    return prefixed if scenario == "boot" and prefixed in NAMES else word


def not_reached(observation: Observation, scenario: str) -> bool:
    """Tell whether it is the boot's own outcome that kept a scenario from being measured.

    After an oops of the boot every scenario is run, and none of them counts.
    """
    outcome, boot = observation.reading(scenario).outcome, observation.reading("boot").outcome
    return boot.word != "OK" and (outcome.word == "NORUN" or (outcome.word, boot.word) == ("ENV_BAD", "OOPS"))


def measured(outcome: Outcome) -> bool:
    """Tell whether a scenario's outcome says what it does: it came to its end, in a place where it could be run."""
    return outcome.word not in NOT_MEASURED | BROKEN_OFF


def judge(observation: Observation, question: Question, table: Table) -> tuple[Verdict, str]:
    """Return the verdict and its reason: the asked outcome to the letter, else what the table says of its name."""
    outcome = observation.reading(question.scenario).outcome
    if outcome in (question.old, *question.also_old):
        return Verdict.OLD, f"{question.scenario} is {outcome}"
    if outcome in (question.new, *question.also_new):
        return Verdict.NEW, f"{question.scenario} is {outcome}"
    boot = observation.reading("boot").outcome
    if not_reached(observation, question.scenario):
        return _by_table(name(boot, "boot"), f"boot: {boot}", table)
    why = f"{question.scenario} is {outcome}, neither {question.old} nor {question.new}"
    return _by_table(name(outcome, question.scenario), why, table)


def judge_build(broken: BrokenBuild, table: Table) -> tuple[Verdict, str]:
    """A commit without a kernel has shown nothing, unless a person says that this is what is looked for."""
    return _by_table(OPTION_LOST if broken.because.startswith("CONFIG_") else NO_BUILD, broken.because, table)


def _by_table(known_as: str, why: str, table: Table) -> tuple[Verdict, str]:
    verdict = table.get(known_as, Verdict.UNTESTABLE)
    return verdict, why if verdict is Verdict.UNTESTABLE else f"{why} (--on {known_as}={verdict.value})"
