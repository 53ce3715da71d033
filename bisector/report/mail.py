"""What does a maintainer get who did not ask? A report as one message in an mbox, which nobody has sent. (pure)

Its manners are the kernel's own: Documentation/admin-guide/reporting-regressions.rst (the subject, who is told, the
line for the tracker of regressions), Documentation/process/submitting-patches.rst (`Fixes:` with twelve digits).
"""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from bisector.endings import Conclusion, Kind
from bisector.model import Commit, Question
from bisector.report import direction, harmless
from bisector.report.sections import percent
from bisector.report.values import Behaviour, Report
from bisector.scenarios import BY_NAME, MEANINGS

WIDTH, LONGEST = 72, 900
# For readers who have never heard of these words: those that need it most.
# Where regressions are tracked, by people and by a robot.
REGRESSIONS = "regressions@lists.linux.dev"
# As git's own mailboxes begin: a date that is none.
_FROM = "From {} Mon Sep 17 00:00:00 2001"
_ADDRESS = re.compile(r"(?:(?P<name>[^<>]*)\s)?<?(?P<at>[\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+)>?", re.ASCII)
_POLICY = SMTP.clone(linesep="\n", cte_type="8bit", mangle_from_=True, utf8=False, max_line_length=76)


@dataclass(frozen=True, slots=True)
class Recipients:
    """Addresses as people write them, "A Person <a@example.org>". `sender`: "" for whoever sends it."""

    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    sender: str = ""


def answers(report: Report) -> bool:
    """Tell whether there is something that a list wants to know: a commit, or a set that holds it."""
    made = report.conclusion
    return report.question is not None and made is not None and made.kind in (Kind.FOUND, Kind.AMONG)


def mail(report: Report, recipients: Recipients) -> bytes:
    """Return an mbox of one message. Raises ValueError if the session has no answer for a list."""
    asked, made = report.question, report.conclusion
    if asked is None or made is None or not answers(report):
        raise ValueError("the session names no commit and no set of candidates")
    regression = direction.of(asked).regression
    message = EmailMessage(policy=_POLICY)
    message["Subject"] = harmless.line(_subject(report, asked, made))
    cc = [*recipients.cc, *([REGRESSIONS] if regression else [])]
    for name, people in (("From", [recipients.sender]), ("To", recipients.to), ("Cc", cc)):
        if known := addresses(people):
            message[name] = known
    message["X-Mailer"] = f"bisector {harmless.line(report.bisector)}"
    message.set_content(body(report, asked, made), cte="8bit")
    named = made.culprit or made.candidates[0].commit
    return _FROM.format(named.id).encode() + b"\n" + message.as_bytes() + b"\n"


def addresses(people: Iterable[str]) -> list[Address]:
    """Return those of the texts that are addresses, each address once."""
    found: dict[str, Address] = {}
    for said in people:
        if match := _ADDRESS.fullmatch(harmless.line(said).strip()):
            name = (match["name"] or "").strip().strip('"').strip()
            # What looks like one and is none: a dot too many, for one.
            with suppress(ValueError, MessageError):
                found.setdefault(match["at"].lower(), Address(display_name=name, addr_spec=match["at"]))
    return list(found.values())


def _subject(report: Report, asked: Question, made: Conclusion) -> str:
    way = direction.of(asked)
    what = f"{asked.scenario} is {asked.new}"
    prefix = "[REGRESSION] " if way.regression else ""
    if made.culprit is None:
        since = f"since one of {len(made.candidates)} commits in {report.old.short}..{report.new.short}"
    elif way is direction.Direction.MENDS:
        return f"arm64: {asked.scenario} was mended by {_named(made.culprit)}"
    else:
        since = f"since {_named(made.culprit)}"
    return f"{prefix}arm64: {what} {since}"


def _named(commit: Commit) -> str:
    return f'{commit.short} ("{commit.subject}")'


def body(report: Report, asked: Question, made: Conclusion) -> str:
    """Return the message's text; only what a console or a program said may be wider than WIDTH."""
    parts = [_opening(asked, made), _seen(report), _sure(report, made), _not_established(report, made)]
    parts += [_repeat(report, asked), _built(report), _tags(report, asked, made)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _wrapped(words: str, indent: str = "", first: str | None = None) -> str:
    return textwrap.fill(
        harmless.line(words), WIDTH, initial_indent=indent if first is None else first, subsequent_indent=indent,
        break_on_hyphens=False, break_long_words=False,
    )  # fmt: skip


def _opening(asked: Question, made: Conclusion) -> str:
    way = direction.of(asked)
    changed = {
        direction.Direction.BREAKS: "A behaviour that worked does not any more.",
        direction.Direction.MENDS: "This is no regression: a behaviour that did not work does now.",
        direction.Direction.APPEARS: "The kernel now does what it refused before.",
        direction.Direction.VANISHES: "The kernel now refuses what it did before.",
        direction.Direction.CHANGES: "A behaviour changed.",
    }[way]
    lines = [_wrapped(f"Hello, bisector looked for the commit that changed {asked.scenario} on arm64. {changed}"), ""]
    if (scenario := BY_NAME.get(asked.scenario)) is not None:
        words = [f"{word} is {MEANINGS[word]}" for word in (asked.old.word, asked.new.word) if word in MEANINGS]
        lines += [_wrapped("; ".join([f"({asked.scenario}: {scenario.about}", *words]) + ")"), ""]
    if made.culprit is not None:
        lines += [
            _wrapped(f"commit {made.culprit.id}", "  "),
            _wrapped(f"Author: {made.culprit.author}", "    ", "  "),
        ]
        lines += [_wrapped(f"Date:   {made.culprit.author_date}", "  ")]
        lines += ["", _wrapped(made.culprit.subject, "      "), ""]
        lines += [_wrapped(f"changed it from {asked.old} to {asked.new}.")]
        if made.pair is not None:
            both = [_named(one) for one in (made.pair.one, made.pair.other) if one is not None]
            lines += ["", _wrapped(f"It is a merge; {' with '.join(both) or 'of its sides'}: {made.pair.because}")]
    else:
        lines += [_wrapped(f"One of these commits changed it from {asked.old} to {asked.new}:"), ""]
        for one in made.candidates:
            share = f", {percent(one.probability)}" if one.probability is not None else ""
            lines += [_wrapped(f"{_named(one.commit)}{share}: {one.because}", "    ", "  ")]
    return "\n".join(lines)


def _seen(report: Report) -> str:
    if report.after is None:
        return ""
    sides = [("before", side) for side in report.before] + [("after", report.after)]
    return "\n".join(["What was seen:", *(_side(when, side) for when, side in sides)])


def _side(when: str, side: Behaviour) -> str:
    times = {outcome: side.outcomes.count(outcome) for outcome in side.outcomes}
    told = ", ".join(f"{outcome} in {number} of {len(side.outcomes)} boots" for outcome, number in times.items())
    lines = ["", _wrapped(f"{when}, at {side.commit.short}: {told}", "    ", "  ")]
    return "\n".join([*lines, *(f"    {harmless.line(line)}"[:LONGEST] for line in side.told())])


def _sure(report: Report, made: Conclusion) -> str:
    words = [f"How sure: {made.because}."]
    if made.culprit is not None:
        words.append("These kernels were built from nothing, and booted for this alone.")
    if made.odds is not None:
        one = "it is this commit" if made.culprit is not None else "it is one of these"
        words.append(
            f"By all boots together, if one commit in the range made the change, {one} with a probability of"
        )
        words.append(f"{percent(made.odds.culprit)}.")
    if made.reverted is not None:
        words.append(f"Reverting it on {report.new.short}: {made.reverted[0].value} ({made.reverted[1]}).")
    return _wrapped(" ".join(words))


def _not_established(report: Report, made: Conclusion) -> str:
    """Say what a reader might take for certain, and is not."""
    doubts = []
    if made.culprit is None:
        doubts.append("which of these commits it is: they could not be told apart by booting them")
    if made.culprit is not None and made.reverted is None:
        doubts.append("whether a revert mends it")
    if report.marks:
        doubts.append(f"the verdicts on {len(report.marks)} commits: a person gave them in place of boots")
    doubts.append(f"what hardware does: this was {report.caveat}")
    return "\n".join(["Not established:", *(_wrapped(one, "    ", "  - ") for one in doubts)])


def _repeat(report: Report, asked: Question) -> str:
    """Return the commands that need nothing of our machine: its paths are nobody else's."""
    sides = [*report.before, *([report.after] if report.after is not None else [])]
    ends = f"--old {report.old.short} --new {report.new.short}"
    commands = [f"bisector start --repo LINUX {ends} --scenario {asked.scenario}"]
    commands += [f"bisector test --repo LINUX {' '.join(side.commit.short for side in sides)}"] if sides else []
    boots = [line for line in report.reproduce if not line.startswith("#") and " -kernel " in line]
    for line in boots[:1]:
        commands += [shlex.join(word.rpartition("/")[2] if word[:1] == "/" else word for word in shlex.split(line))]
    return "\n".join(["To repeat it:", "", *(f"  {line}" for command in commands for line in _folded(command))])


def _folded(command: str) -> list[str]:
    """Break a command line between its words, as a shell reads on after a backslash."""
    lines, line, quote = [""], "", ""
    words: list[str] = []
    for character in harmless.line(command):
        quote = "" if quote == character else quote or (character if character in "'\"" else "")
        if character == " " and not quote:
            words.append(line)
            line = ""
        else:
            line += character
    for word in [*words, line]:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > WIDTH - 6:
            lines[-1] += " \\"
            lines.append(f"    {word}")
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return lines


def _built(report: Report) -> str:
    lines = ["Built and booted with:", ""]
    lines += [_wrapped(f"{name}: {said}", "    ", "  ") for name, said in report.versions.items()]
    if report.configuration:
        lines += ["", "The configuration, beside tinyconfig:", ""]
        lines += [f"  {harmless.line(line)}"[:LONGEST] for line in report.configuration]
    return "\n".join(lines)


def _tags(report: Report, asked: Question, made: Conclusion) -> str:
    """Return the lines that robots read: of a regression only."""
    if not direction.of(asked).regression:
        return ""
    if made.culprit is None:
        return f"#regzbot introduced: {report.old.short}..{report.new.short}"
    fixes = f'Fixes: {made.culprit.short} ("{harmless.line(made.culprit.subject)}")'
    return f"{fixes}\n\n#regzbot introduced: {made.culprit.id}"
