"""Is the letter one that a list would take: the right people, the right manners, and nothing in it that acts?"""

from __future__ import annotations

import email
import email.policy
import subprocess
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from bisector import events
from bisector.endings import Conclusion, Kind
from bisector.model import Outcome, Purpose, Question, Verdict
from bisector.report import direction, values
from bisector.report.direction import Direction
from bisector.report.mail import REGRESSIONS, WIDTH, Recipients, addresses, mail
from bisector.report.values import Report
from tests import samples
from tests.conftest import ONCE, Bisector
from tests.minitree import MiniTree
from tests.test_report_hostile import EVERYTHING, HOSTILE

MENDED = samples.QUESTION
BROKEN = Question("exec-sigtrap", old=Outcome("OK"), new=Outcome("STUCK"))
PEOPLE = Recipients(("Jördis A. <j@example.org>", "not an address"), ("l@example.org",), "Me <me@example.org>")
BOOT = (
    "timeout 120 qemu-system-aarch64 -kernel '/home/mé/.local/state/kernels/Image' -append 'a b c' -initrd /home/mé/x"
)


def report(question: Question, conclusion: Conclusion, subject: str = "arm64: step") -> Report:
    culprit, parent = samples.commit("c", subject, "b" * 40), samples.commit("b", subject)
    happened: tuple[events.Recorded, ...] = (
        events.Tested(step=samples.step(samples.OLD, Purpose.OLD_END, None, question.old)),
        events.Tested(step=samples.step(samples.NEW, Purpose.NEW_END, None, question.new)),
        events.Asked(question=question, differing=(question.scenario,)),
        *(events.Tested(step=samples.step(culprit, Purpose.CULPRIT, Verdict.NEW, question.new)) for _ in range(3)),
        *(events.Tested(step=samples.step(parent, Purpose.PARENT, Verdict.OLD, question.old)) for _ in range(3)),
    )
    named = replace(conclusion, culprit=culprit) if conclusion.culprit else conclusion
    session = samples.session(*happened, events.Concluded(conclusion=named))
    return values.report(session, held=False, configuration=("CONFIG_TTY=y",), reproduce=("# before", BOOT))


def read(letter: bytes) -> EmailMessage:
    """Read it as Python's email does, without the mailbox's own first line."""
    first, _, rest = letter.partition(b"\n")
    assert first.startswith(b"From ")
    found = email.message_from_bytes(rest, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    assert found.defects == []
    return found


def flat(message: EmailMessage) -> str:
    return " ".join(message.get_content().split())


def test_a_regression_is_written_as_the_kernel_s_own_page_wants_it() -> None:
    found = read(mail(report(BROKEN, samples.FOUND), PEOPLE))
    assert found["Subject"] == '[REGRESSION] arm64: exec-sigtrap is STUCK since cccccccccccc ("arm64: step")'
    assert found["To"] == '"Jördis A." <j@example.org>'
    assert found["Cc"] == f"l@example.org, {REGRESSIONS}"
    assert found["From"] == "Me <me@example.org>"
    assert found.get_content().rstrip().splitlines()[-3:] == [
        'Fixes: cccccccccccc ("arm64: step")',
        "",
        f"#regzbot introduced: {'c' * 40}",
    ]
    said = flat(found)
    assert "changed it from OK to STUCK." in said
    assert "before, at bbbbbbbbbbbb: OK in 3 of 3 boots" in said
    assert "after, at cccccccccccc: STUCK in 3 of 3 boots" in said
    assert "99.75 %" in said
    assert "Reverting it on 111111111111: mends it (old 3 of 3)." in said


def test_a_mended_behaviour_is_no_regression() -> None:
    letter = mail(report(MENDED, samples.FOUND), PEOPLE)
    found = read(letter)
    assert found["Subject"] == 'arm64: exec-sigtrap was mended by cccccccccccc ("arm64: step")'
    assert "This is no regression" in flat(found)
    for word in (b"REGRESSION", b"regzbot", b"Fixes:", REGRESSIONS.encode()):
        assert word not in letter


def test_a_set_names_the_range_and_says_that_it_is_not_known_which() -> None:
    found = read(mail(report(BROKEN, samples.AMONG), PEOPLE))
    assert found["Subject"].startswith("[REGRESSION] arm64: exec-sigtrap is STUCK since one of 2 commits in 0000")
    assert found.get_content().rstrip().splitlines()[-1] == f"#regzbot introduced: {'0' * 12}..{'1' * 12}"
    assert "Fixes:" not in found.get_content()
    assert "Not established: - which of these commits it is" in flat(found)


def test_what_was_not_looked_at_is_said() -> None:
    bare = Conclusion(Kind.FOUND, "fresh boots: new 3 of 3", culprit=samples.CULPRIT)
    assert "- whether a revert mends it" in flat(read(mail(report(BROKEN, bare), PEOPLE)))
    assert "what hardware does: this was emulated by QEMU" in flat(read(mail(report(BROKEN, bare), PEOPLE)))


@pytest.mark.parametrize("kind", [Kind.ENDS_AGREE, Kind.CONTRADICTION, Kind.NOT_REPRODUCED])
def test_without_a_commit_there_is_nothing_to_write(kind: Kind) -> None:
    with pytest.raises(ValueError, match="names no commit"):
        mail(report(BROKEN, Conclusion(kind, "so")), PEOPLE)


@pytest.mark.parametrize(
    ("old", "new", "way"),
    [
        ("OK", "STUCK", Direction.BREAKS),
        ("STUCK", "OK", Direction.MENDS),
        ("UNSUP", "STUCK", Direction.APPEARS),
        ("UNSUP", "OK", Direction.APPEARS),
        ("OK", "UNSUP", Direction.VANISHES),
        ("STUCK", "DUP", Direction.CHANGES),
        ("STOPS", "KILLED", Direction.CHANGES),
    ],
)
def test_which_way_it_changed(old: str, new: str, way: Direction) -> None:
    assert direction.of(Question("exec-sigtrap", Outcome(old), Outcome(new))) is way


def test_only_what_a_console_said_is_wider_than_a_mail() -> None:
    long = "arm64: " + "a long subject " * 6
    for made in (samples.FOUND, samples.AMONG):
        for line in read(mail(report(BROKEN, made, long), PEOPLE)).get_content().splitlines():
            assert len(line) <= WIDTH or line.strip() == samples.LINE or line.startswith("Fixes:"), line


def test_no_path_of_ours_is_told_and_commands_can_be_pasted() -> None:
    said = read(mail(report(BROKEN, samples.FOUND), PEOPLE)).get_content()
    assert "/home/m" not in said
    command = said[said.index("  timeout 120") :].partition("\n\n")[0]
    words = subprocess.run(
        ["sh", "-c", f"set -- {command.strip()}; printf '%s\\n' \"$@\""], capture_output=True, check=True
    )
    assert words.stdout.decode().splitlines() == [
        *("timeout", "120", "qemu-system-aarch64", "-kernel", "Image", "-append", "a b c", "-initrd", "x")
    ]


@pytest.mark.parametrize("said", [*HOSTILE.values(), EVERYTHING, "x\r\nBcc: all@example.org", "From me\n\nFrom you"])
def test_no_text_of_a_commit_makes_a_header_or_another_message(said: str, tmp_path: Path) -> None:
    letter = mail(report(BROKEN, samples.FOUND, said), Recipients((f"{said} <a@example.org>",), (said,), said))
    found = read(letter)
    assert set(found.keys()) <= {
        *("Subject", "From", "To", "Cc", "X-Mailer", "Content-Type", "Content-Transfer-Encoding", "MIME-Version")
    }
    (tmp_path / "mbox").write_bytes(letter)
    words = ["git", "mailsplit", f"-o{tmp_path}", str(tmp_path / "mbox")]
    assert subprocess.run(words, capture_output=True, check=True).stdout == b"1\n"
    with (tmp_path / "0001").open("rb") as stream:
        words = ["git", "mailinfo", "-k", str(tmp_path / "body"), str(tmp_path / "patch")]
        told = subprocess.run(words, stdin=stream, capture_output=True, check=True).stdout.decode()
    subject = next(line for line in told.splitlines() if line.startswith("Subject: "))
    assert subject.removeprefix("Subject: ").split() == found["Subject"].split()


def test_an_address_is_told_once_and_nothing_else_is_one() -> None:
    people = ["A <a@example.org>", "a@example.org", "<b@example.org>", "nobody", "x <y@z> <c@example.org>", ""]
    people += ["X <x@example.org.>", "foo.@example.org", "a..b@example.org"]
    assert [one.addr_spec for one in addresses(people)] == ["a@example.org", "b@example.org"]


# -- the command ---------------------------------------------------------------------------------------

SCRIPT = """#!/usr/bin/perl
my $author = `cat patch`;
print "Will Able <will\\@example.org> (maintainer:ARM64 PORT)\\n";
print "Rev Iewer <rev\\@example.org> (reviewer:PTRACE)\\n";
print "arm\\@lists.example.org (moderated list:ARM64 PORT)\\n" if $author =~ /^Subject:/m;
print "wall: ", (-e "/etc/passwd" ? "none" : "stands"), "\\n";
"""


@pytest.fixture
def searched(tree: MiniTree, bisector: Bisector) -> MiniTree:
    edits = {"hits": {"exec-sigtrap": "OK"}}
    tree.commit("mini: with its people", files={"scripts/get_maintainer.pl": SCRIPT, "MAINTAINERS": "ARM64 PORT\n"})
    signed = "mini: change it\n\nSigned-off-by: A Signer <signer@example.org>\nCc: stable@example.org"
    new = tree.commit(signed, hits=edits["hits"])
    ran = bisector.start(tree.path, tree.base, new, *ONCE)
    assert (ran.code, ran.culprit) == (0, new), ran.err
    return tree


def test_the_tree_s_own_script_says_who_is_told(searched: MiniTree, bisector: Bisector) -> None:
    ran = bisector("report", "--format", "mail")
    found = read(ran.out.encode())
    assert found["To"] == "Will Able <will@example.org>"
    assert [one.addr_spec for one in found["Cc"].addresses] == [
        *("developer@example.org", "signer@example.org", "stable@example.org"),
        *("rev@example.org", "arm@lists.example.org"),
    ]
    assert searched.path.exists()


def test_without_the_repository_or_an_answer_it_says_so(searched: MiniTree, bisector: Bisector) -> None:
    searched.path.rename(searched.path.with_name("moved"))
    ran = bisector("report", "--format", "mail")
    assert (ran.code, ran.out) == (2, "")
    assert "is not a git repository" in ran.err


def test_where_the_script_fails_author_and_signers_are_told(tree: MiniTree, bisector: Bisector) -> None:
    tree.commit("mini: a spoiled script", files={"scripts/get_maintainer.pl": "die;\n", "MAINTAINERS": "x\n"})
    new = tree.commit("mini: change it\n\nReviewed-by: B <b@example.org>", hits={"exec-sigtrap": "OK"})
    assert bisector.start(tree.path, tree.base, new, *ONCE).code == 0
    found = read(bisector("report", "--format", "mail").out.encode())
    assert found["To"] == "A Developer <developer@example.org>"
    assert found["Cc"] == "B <b@example.org>"
