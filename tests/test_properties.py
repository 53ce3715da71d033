"""What holds for any input at all?  Noise makes no verdict, and no reader fails but in its own way."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bisector import config, events, kconfig, probe
from bisector.errors import UserError
from bisector.model import WORDS, Ending, Outcome, Transcript
from bisector.report import harmless
from bisector.scenarios import BY_NAME
from tests import samples
from tests.frames import COUNTED, LOOPING, NONCE, SIGNALLED, Boot, sound_boot

# The same inputs in every run: a commit that passed passes again.
tried = settings(derandomize=True, database=None, deadline=None, max_examples=200)
few = settings(tried, max_examples=100)

ENDINGS = st.sampled_from(Ending)
BYTES = st.binary(max_size=200).map(lambda raw: raw.decode("utf-8", "backslashreplace"))
# What a kernel may print: anything, and bits of frames too; only the nonce it cannot know.
PIECES = st.sampled_from(
    [
        "@bsct ",
        "@bsct fedcba9876543210 3 ",
        " 0 00000000 ",
        "begin ",
        "end lines=1 ms=1",
        "\r\n",
        "\n",
        "done scenario=",
    ]
)
NOISE = st.one_of(st.text(max_size=60), BYTES, st.lists(st.one_of(PIECES, st.text(max_size=8))).map("".join)).filter(
    lambda text: NONCE not in text
)
UNMEASURED = {"NORUN", "ENV_BAD", "KERNEL_DEAD"}
BROKEN_OFF = {"HUNG", "CUT_OFF", "FLOODED", "PANIC"}
BEFORE_THE_PROBE = {"PANIC", "SILENT", "OVERDUE", "FLOODED", "NO_PROBE"}


def outcomes(transcript: Transcript) -> dict[str, Outcome]:
    return {reading.scenario: reading.outcome for reading in probe.read(transcript).readings}


def spliced(text: str, splices: list[tuple[float, str]], until: int) -> str:
    """Put each text into the first `until` characters, at its share of them; the last place comes first."""
    for share, noise in sorted(splices, reverse=True):
        place = int(share * until)
        text = text[:place] + noise + text[place:]
    return text


SPLICES = st.lists(st.tuples(st.floats(0, 1), NOISE), max_size=12)


# -- the probe's reader --------------------------------------------------------------------------------


@tried
@given(st.one_of(NOISE, st.text(), BYTES), ENDINGS)
def test_a_console_without_a_signed_line_says_something_of_the_boot_only(text: str, ending: Ending) -> None:
    seen = outcomes(Transcript(text, ending, 1.0, None, NONCE))
    assert list(seen) == ["boot"]
    assert seen["boot"].word in BEFORE_THE_PROBE


@tried
@given(SPLICES, ENDINGS)
def test_noise_in_every_first_copy_changes_nothing(splices: list[tuple[float, str]], ending: Ending) -> None:
    boot = sound_boot()
    boot.scenario("canary")
    first = sum(map(len, boot.console))
    boot.end()
    clean = boot.transcript(ending)
    noisy = Transcript(spliced(clean.text, splices, first), ending, 3.0, 1.0, NONCE)
    assert outcomes(noisy) == outcomes(clean)


@tried
@given(SPLICES, ENDINGS)
def test_noise_anywhere_makes_no_reading(splices: list[tuple[float, str]], ending: Ending) -> None:
    clean = sound_boot().complete()
    said = outcomes(clean)
    noisy = spliced(clean.text, splices, len(clean.text))
    for name, outcome in outcomes(Transcript(noisy, ending, 3.0, 1.0, NONCE)).items():
        if name == "boot":
            assert outcome.word in {"OK", "NO_POWER_OFF", *BEFORE_THE_PROBE, *BROKEN_OFF}
        else:
            assert outcome == said[name] or outcome.word in UNMEASURED | BROKEN_OFF


@tried
@given(st.floats(0, 1), ENDINGS)
def test_a_console_that_ends_anywhere_says_no_more_than_the_whole(share: float, ending: Ending) -> None:
    whole = sound_boot().complete()
    said = outcomes(whole)
    part = Transcript(whole.text[: int(share * len(whole.text))], ending, 3.0, 1.0, NONCE)
    for name, outcome in outcomes(part).items():
        assert outcome == said[name] or outcome.word in UNMEASURED | BROKEN_OFF | BEFORE_THE_PROBE | {"NO_POWER_OFF"}


KEYS = (
    "open calls count triggers limit hits_min hits_max stuck once signo code pc ss addr type value entries hits "
    "first second stops handler mask armed disarmed traps again_refresh again_toggle exit"
)
WORD = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=12)
# `period` is not among KEYS: see test_a_period_of_zero_is_not_a_reading.
VALUE = st.one_of(WORD, st.integers(-2, 1200).map(str), st.sampled_from(["ok", "deadline", "signal:5", "site+0/5/2"]))
FACTS = st.dictionaries(st.one_of(st.sampled_from(KEYS.split()), WORD), VALUE, max_size=10)
LINE = st.tuples(
    st.sampled_from(["start", "fact", "task", "done", "beat", "begin", "end"]), st.sampled_from([*BY_NAME])
)


@few
@given(st.lists(st.tuples(LINE, FACTS), max_size=12), ENDINGS)
def test_whatever_a_signed_line_says_is_read_without_failing(
    lines: list[tuple[tuple[str, str], dict[str, str]]], ending: Ending
) -> None:
    boot = Boot()
    boot.begin()
    boot.gates()
    for (verb, scenario), facts in lines:
        words = " ".join(f"{key}={value}" for key, value in facts.items())
        boot.say(f"{verb} scenario={scenario} {words}"[:400])
    for name, outcome in outcomes(boot.transcript(ending)).items():
        assert name in BY_NAME
        assert Outcome.parse(str(outcome)) == outcome


@few
@given(st.integers(0, 1000), st.integers(0, 1000))
def test_a_count_is_ok_only_where_it_is_the_number_of_calls(calls: int, count: int) -> None:
    boot = Boot()
    boot.begin()
    boot.scenario("count-watch", "open=0", COUNTED)
    boot.scenario("count-exec", "open=0", f"calls={calls} count={count}")
    boot.scenario("exec-sigtrap", "open=0", LOOPING, SIGNALLED)
    seen = outcomes(boot.complete())
    assert (seen["count-exec"].word == "OK") == (calls == count)
    assert seen["exec-sigtrap"].word == ("STUCK" if calls == count else "ENV_BAD")


# -- the other readers ---------------------------------------------------------------------------------


@tried
@given(st.one_of(st.text(), st.sampled_from(sorted(WORDS)), st.from_regex(r"[A-Z_]{1,8}(\(.*\))?", fullmatch=True)))
def test_an_outcome_is_read_or_refused(text: str) -> None:
    with suppress(ValueError):
        outcome = Outcome.parse(text)
        assert outcome.word in WORDS
        assert Outcome.parse(str(outcome)) == outcome


@tried
@given(st.sampled_from(sorted(WORDS)), st.text(st.characters(exclude_characters="\n"), max_size=40))
def test_an_outcome_is_read_as_it_was_written(word: str, detail: str) -> None:
    outcome = Outcome(word, detail)
    assert Outcome.parse(str(outcome)) == outcome


OPTION = st.from_regex(
    r" ?CONFIG_[A-Z]{1,5}=(\"[ -!#-~]{0,5}\"|[a-z0-9]{1,3}) {0,2}# {0,2}(required|wanted):? ?[a-z]{0,4}",
    fullmatch=True,
)


@few
@given(st.one_of(st.text(), st.lists(OPTION).map("\n".join), BYTES))
def test_a_fragment_is_read_or_refused(text: str) -> None:
    with suppress(UserError):
        for option in kconfig.options(text, "any"):
            assert kconfig.options(f"{option}  # required: {option.who}", "again")[0].value == option.value
    kconfig.settings(text)
    assert kconfig.difference(text, text) == ()


SAMPLES = [events.encode(event) for event in (samples.started(), *samples.AFTER_THE_START)]


@tried
@given(st.sampled_from(SAMPLES), st.integers(0, 3000), st.integers(0, 40), st.binary(max_size=12))
def test_a_journal_line_is_read_or_refused_however_it_was_damaged(line: bytes, at: int, cut: int, put: bytes) -> None:
    damaged = line[:at] + put + line[at + cut :]
    with suppress(events.Unreadable):
        assert events.decode(events.encode(events.decode(damaged))) == events.decode(damaged)


@few
@given(st.one_of(st.binary(), st.text().map(lambda text: text.encode("utf-8", "replace"))))
def test_any_bytes_are_no_event_of_ours(line: bytes) -> None:
    with pytest.raises(events.Unreadable):
        events.decode(line)


TOML = st.from_regex(r"((old|new|jobs|odd-key) ?= ?(\"\w*\"|\d{1,3}|true|\[1, 2\]|\{a = 1\})\n){0,4}", fullmatch=True)


@settings(few, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.one_of(st.binary(), TOML.map(str.encode)))
def test_a_file_of_options_is_read_or_refused(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bisector.toml"
    path.write_bytes(raw)
    with suppress(UserError):
        assert set(config.read(path, {"old": "old", "new": "new", "jobs": "jobs"})) <= {"old", "new", "jobs"}


@tried
@given(st.one_of(st.text(), BYTES, st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp", "Cs", "Co"]))))
def test_what_is_shown_is_one_line_of_characters_that_only_show(text: str) -> None:
    shown = harmless.line(text)
    assert shown.splitlines() in ([], [shown])
    assert all(character.isprintable() or unicodedata.category(character) == "Zs" for character in shown)
    assert harmless.line(shown) == shown
    assert len(harmless.line(text, 20)) <= 20
