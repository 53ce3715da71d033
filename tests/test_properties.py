"""What holds for any input at all?  Noise makes no verdict, and no reader fails but in its own way."""

from __future__ import annotations

import json
import os
import unicodedata
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bisector import api, buildlog, config, events, frames, journal, kconfig, probe, verdict
from bisector.errors import HostError, UserError
from bisector.model import WORDS, Ending, Observation, Outcome, Question, Transcript, Verdict
from bisector.report import harmless
from bisector.scenarios import BY_NAME
from tests import samples
from tests.frames import COUNTED, LOOPING, NONCE, SIGNALLED, Boot, sound_boot

# The same inputs in every run: a commit that passed passes again. `scripts/fuzz` asks for others, and for more.
ASKED = int(os.environ.get("BISECTOR_EXAMPLES", "0"))
tried = settings(
    derandomize=not ASKED,
    database=None,
    deadline=None,
    max_examples=ASKED or 200,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
few = settings(tried, max_examples=ASKED or 100)

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
BEFORE_THE_PROBE = {"PANIC", "SILENT", "OVERDUE", "FLOODED", "NO_PROBE", "QEMU_GONE"}


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
    assert (seen["boot"].word == "QEMU_GONE") == (ending is Ending.GONE)


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


def rich_boot() -> str:
    """Return the console of a boot whose scenarios show as many different outcomes as can be."""
    boot = sound_boot()
    boot.scenario("exec-oasync", "open=0", "type=5 signo=5 code=1", LOOPING)
    boot.scenario("watch-sigtrap", "open=1")
    boot.scenario("period2-exec-sigtrap", "open=0", "calls=10 period=2 count=19 entries=9")
    boot.kernel("[    1.5] a warning @bsct in between")
    boot.scenario("step-svc", "stops=site+4/5/0,site+4/5/2")
    boot.scenario("step-regset", "stops=site+4/5/2,site+4/5/2,site+4/5/2")
    boot.scenario("native-step", "armed=site+0/5/4,site+0/5/4", "disarmed=site+0/5/4,site+4/5/2")
    boot.scenario("stop-then-cont", how="signal:11")
    boot.scenario("count-svc", "open=0", "calls=10 count=10 traps=3 code=0")
    return boot.complete().text


RICH = rich_boot()
SAID = outcomes(Transcript(RICH, Ending.POWERED_OFF, 3.0, 1.0, NONCE))
# Where, how much of it goes, what comes in its place; and two places that change theirs.
CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 400), st.one_of(NOISE, st.just(""))), max_size=8)
SWAPS = st.lists(st.tuples(st.integers(0, 999), st.integers(0, 999)), max_size=6)
DROPS = st.lists(st.integers(0, 999), max_size=60)


def mutated(changes: list[tuple[float, int, str]], swaps: list[tuple[int, int]], drops: list[int]) -> str:
    """Return the rich boot's console with lines lost and in another order, and then bytes lost, put and changed."""
    lines = RICH.splitlines(keepends=True)
    for one, other in swaps:
        one, other = one % len(lines), other % len(lines)
        lines[one], lines[other] = lines[other], lines[one]
    lost = {drop % len(lines) for drop in drops}
    text = "".join(line for number, line in enumerate(lines) if number not in lost)
    for share, length, put in changes:
        place = int(share * len(text))
        text = text[:place] + put + text[place + length :]
    return text


@tried
@given(CHANGES, SWAPS, DROPS, ENDINGS)
def test_a_damaged_console_loses_readings_and_makes_none(
    changes: list[tuple[float, int, str]], swaps: list[tuple[int, int]], drops: list[int], ending: Ending
) -> None:
    damaged = Transcript(mutated(changes, swaps, drops), ending, 3.0, 1.0, NONCE)
    for name, outcome in outcomes(damaged).items():
        if name != "boot":
            assert outcome == SAID[name] or outcome.word in UNMEASURED | BROKEN_OFF, (name, outcome)


@tried
@given(st.one_of(NOISE, st.text(), BYTES), ENDINGS, st.sampled_from([*BY_NAME][1:]), st.sampled_from(sorted(WORDS)))
def test_noise_is_untestable_for_every_question(text: str, ending: Ending, scenario: str, word: str) -> None:
    asked = Question(scenario, Outcome("OK", "old"), Outcome(word, "new"))
    observation: Observation = probe.read(Transcript(text, ending, 1.0, None, NONCE))
    assert verdict.judge(observation, asked, {})[0] is Verdict.UNTESTABLE


@tried
@given(st.integers(0, len(RICH) - 1), st.integers(0, 7))
def test_a_line_of_which_one_bit_is_wrong_is_no_line_of_the_probe(place: int, bit: int) -> None:
    text = RICH[:place] + chr(ord(RICH[place]) ^ (1 << bit)) + RICH[place + 1 :]
    whole = {frame.line for frame in frames.frames(RICH, NONCE)}
    assert {frame.line for frame in frames.frames(text, NONCE)} <= whole


KEYS = (
    "open calls count triggers limit hits_min hits_max stuck once signo code pc ss addr type value entries hits "
    "first second stops handler mask armed disarmed traps again_refresh again_toggle exit "
    "wrong_pc moved undone reopen data flags"
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


STRANGE = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 1 << 70), st.text(max_size=9), st.just({"silense": 1}), st.just("\0"),
    st.dictionaries(st.sampled_from(["silence", "total", "output", "host"]), st.floats(), max_size=3), st.just("$(x)")
)  # fmt: skip


@tried
@given(STRANGE, st.integers(0, 99), st.integers(0, 3000), st.integers(0, 4), st.binary(max_size=4), st.booleans())
def test_a_session_that_began_under_strange_settings_is_reported_or_refused(
    strange: object, which: int, at: int, cut: int, put: bytes, whole: bool
) -> None:
    line = SAMPLES[0]
    if whole:
        begun = json.loads(line)
        begun["settings"][sorted(begun["settings"])[which % len(begun["settings"])]] = strange
        line = json.dumps(begun).encode()
    else:
        line = line[:at] + put + line[at + cut :]
    with suppress(events.Unreadable, UserError):
        started = events.decode(line)
        assert isinstance(started, events.Started)
        assert min(started.settings.end_boots, started.settings.confirm_boots + 1, started.settings.jobs) >= 1
        api.report(samples.session(*samples.found(), begun=started))


@few
@given(st.one_of(st.binary(), st.text().map(lambda text: text.encode("utf-8", "replace"))))
def test_any_bytes_are_no_event_of_ours(line: bytes) -> None:
    with pytest.raises(events.Unreadable):
        events.decode(line)


TOML = st.from_regex(r"((old|new|jobs|odd-key) ?= ?(\"\w*\"|\d{1,3}|true|\[1, 2\]|\{a = 1\})\n){0,4}", fullmatch=True)


@few
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


BUILD = st.sampled_from(
    [
        "init/main.c:3:7: error: expected ';'",
        "make[1]: *** [Makefile:3: all] Error 2",
        ": No space left on device",
        "Killed",
        "sh: 1: flex: not found",
        "  12 | #error out of memory",
        "aarch64-linux-gnu-ld: undefined reference to `a'",
    ]
)


@tried
@given(st.lists(st.one_of(BUILD, st.text(max_size=30), BYTES, st.tuples(BUILD, st.text(max_size=9)).map("".join))))
def test_a_build_log_says_a_reason_or_that_it_was_our_machine(lines: list[str]) -> None:
    said = "make failed without saying why"
    with suppress(HostError):
        said = buildlog.because(lines)
    assert said == "make failed without saying why" or any(line.strip().startswith(said) for line in lines)
    buildlog.skewed(lines)


@tried
@given(st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp", "Cs", "Co", "L", "S"])))
def test_json_gives_every_text_back_and_lets_none_act(said: str) -> None:
    line = events.encode(samples.started(samples.commit("0", said))).decode()
    assert not [character for character in line if harmless.acts(character)]
    assert json.loads(line)["old"]["subject"] == said.encode("utf-8", "backslashreplace").decode()


PARTS = st.one_of(st.sampled_from([line + b"\n" for line in SAMPLES]), st.binary(max_size=40), st.just(b"\n"))


@few
@given(parts=st.lists(PARTS, max_size=20))
def test_a_journal_of_any_bytes_is_read_or_refused_and_never_written(parts: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / journal.NAME
    path.write_bytes(b"".join(parts))
    with suppress(UserError):
        session = journal.read(tmp_path)
        # Nothing but what stands in whole lines of ours is believed.
        assert len(session.steps) <= sum(b'"event":"step"' in part for part in parts)
    assert path.read_bytes() == b"".join(parts)


KCONFIG = st.sampled_from(["CONFIG_A=y", "# CONFIG_A is not set", 'CONFIG_B="', "CONFIG_A=", "CONFIG_\x00=n", "\r"])


@few
@given(st.lists(st.one_of(KCONFIG, st.text(max_size=20))).map("\n".join), st.text())
def test_a_config_is_read_whatever_stands_in_it(one: str, other: str) -> None:
    wanted = kconfig.options("CONFIG_A=y  # required: the test", "any")
    lost = kconfig.lost(wanted, one)
    assert (lost is None) == (kconfig.settings(one).get("CONFIG_A") == "y")
    assert {line.partition("=")[0] for line in kconfig.difference(one, other)} <= {
        *kconfig.settings(one),
        *kconfig.settings(other),
    }
