"""Are fragments read strictly, lost options found, and differences told?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bisector import kconfig, opening
from bisector.errors import UserError
from bisector.kconfig import Option

FRAGMENT = """\
# A remark.

CONFIG_TTY=y                  # required: the probe's lines leave through it
CONFIG_NR_CPUS=2              # wanted: no memory for CPUs that are not there
CONFIG_PANIC_TIMEOUT=-1 # wanted: a panic ends at once
  CONFIG_RD_GZIP=n  #  required:  nothing is compressed
CONFIG_CMDLINE="quiet # not a remark"  # required: a person
"""
SHIPPED = sorted(opening.kconfigs().glob("*.config"))


def read(fragment: str) -> tuple[Option, ...]:
    return kconfig.options(fragment, "my.config")


def test_a_fragment_s_lines_are_read_with_value_need_and_reason() -> None:
    assert read(FRAGMENT) == (
        Option("CONFIG_TTY", "y", True, "the probe's lines leave through it"),
        Option("CONFIG_NR_CPUS", "2", False, "no memory for CPUs that are not there"),
        Option("CONFIG_PANIC_TIMEOUT", "-1", False, "a panic ends at once"),
        Option("CONFIG_RD_GZIP", "n", True, "nothing is compressed"),
        Option("CONFIG_CMDLINE", '"quiet # not a remark"', True, "a person"),
    )


def test_lines_of_the_kernel_s_own_form_are_wanted_by_the_fragment() -> None:
    assert read('CONFIG_KASAN=y\n# CONFIG_SMP is not set\nCONFIG_CMDLINE="a b"\n# CONFIG_SMP is a remark\n') == (
        Option("CONFIG_KASAN", "y", False, "my.config"),
        Option("CONFIG_SMP", "n", False, "my.config"),
        Option("CONFIG_CMDLINE", '"a b"', False, "my.config"),
    )


def test_an_option_is_written_as_make_reads_it() -> None:
    assert [str(option) for option in read(FRAGMENT)][-2:] == [
        "CONFIG_RD_GZIP=n",
        'CONFIG_CMDLINE="quiet # not a remark"',
    ]


@pytest.mark.parametrize(
    "line",
    [
        "CONFIG_TTY=y  # because I say so",
        "CONFIG_TTY=y  # required:",
        "CONFIG_TTY  # required: me",
        "CONFIG_TTY=  # required: me",
        "TTY=y  # required: me",
        "CONFIG_TTY = y  # required: me",
        "CONFIG_TTY=y CONFIG_SMP=y  # required: me",
        "CONFIG_TTY=y  # Required: me",
        "config_tty=y  # required: me",
    ],
)
def test_a_line_that_is_no_option_line_is_refused_with_its_number(line: str) -> None:
    with pytest.raises(UserError) as caught:
        read(f"# one\n\n{line}\n")
    assert caught.value.message == f"my.config, line 3: {line!r} is not an option line"
    assert "# required:" in caught.value.hint


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_line_of_a_shipped_fragment_says_who_needs_it(path: Path) -> None:
    options = kconfig.options(path.read_text(), path.name)
    assert options
    named = [option.name for option in options]
    for place, option in enumerate(options):
        # Either a reason, or the earlier option that has the same: "as RD_GZIP".
        same = re.match(r"as ([A-Z]\w+)", option.who)
        assert f"CONFIG_{same[1]}" in named[:place] if same else len(option.who.split()) >= 3, option


def test_the_shipped_fragments_name_each_option_once() -> None:
    assert [path.name for path in SHIPPED] == sorted(opening.FRAGMENTS)
    names = [option.name for path in SHIPPED for option in kconfig.options(path.read_text(), path.name)]
    assert len(names) == len(set(names))


def test_what_the_probe_cannot_do_without_is_required() -> None:
    required = {option.name for option in kconfig.options(opening.fragment(), "all") if option.required}
    assert required >= {
        "CONFIG_PERF_EVENTS",
        "CONFIG_HAVE_HW_BREAKPOINT",
        "CONFIG_SERIAL_AMBA_PL011_CONSOLE",
        "CONFIG_PROC_FS",
        "CONFIG_BLK_DEV_INITRD",
    }


def test_a_person_s_fragment_comes_after_ours(tmp_path: Path) -> None:
    mine = tmp_path / "mine.config"
    mine.write_text("CONFIG_KASAN=y  # wanted: a look at memory errors\n")
    assert kconfig.options(opening.fragment([mine]), "all")[-1].name == "CONFIG_KASAN"


def test_a_person_s_fragment_that_is_none_is_refused_by_its_name(tmp_path: Path) -> None:
    mine = tmp_path / "mine.config"
    mine.write_text("KASAN=y\n")
    with pytest.raises(UserError, match=r"^mine\.config, line 1: "):
        opening.fragment([mine])
    with pytest.raises(UserError, match="cannot read"):
        opening.fragment([tmp_path / "missing.config"])


# -- .config -------------------------------------------------------------------------------------------

CONFIG = """\
#
# Automatically made
#
CONFIG_TTY=y
CONFIG_NR_CPUS=2
# CONFIG_RD_GZIP is not set
CONFIG_CMDLINE="quiet # not a remark"
CONFIG_EMPTY=""
"""


def test_a_config_s_symbols_are_read_and_unset_ones_are_n() -> None:
    assert kconfig.settings(CONFIG) == {
        "CONFIG_TTY": "y",
        "CONFIG_NR_CPUS": "2",
        "CONFIG_RD_GZIP": "n",
        "CONFIG_CMDLINE": '"quiet # not a remark"',
        "CONFIG_EMPTY": '""',
    }


def test_a_config_that_has_all_has_lost_nothing() -> None:
    assert kconfig.lost(read(FRAGMENT), CONFIG) is None


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("CONFIG_TTY=y\n", ""),
        ("CONFIG_TTY=y\n", "# CONFIG_TTY is not set\n"),
        ("CONFIG_TTY=y\n", "CONFIG_TTY=m\n"),
    ],
    ids=["gone", "unset", "a module"],
)
def test_a_required_option_that_is_not_as_asked_is_lost(line: str, instead: str) -> None:
    gone = kconfig.lost(read(FRAGMENT), CONFIG.replace(line, instead))
    assert gone is not None
    assert (gone.name, gone.who) == ("CONFIG_TTY", "the probe's lines leave through it")


def test_the_first_lost_option_is_told() -> None:
    gone = kconfig.lost(read(FRAGMENT), "")
    assert gone is not None
    assert gone.name == "CONFIG_TTY"


def test_a_wanted_option_may_go() -> None:
    assert kconfig.lost(read(FRAGMENT), CONFIG.replace("CONFIG_NR_CPUS=2\n", "")) is None


def test_a_required_n_that_is_not_named_at_all_is_n() -> None:
    assert kconfig.lost(read(FRAGMENT), CONFIG.replace("# CONFIG_RD_GZIP is not set\n", "")) is None


def test_a_required_n_that_came_on_is_lost() -> None:
    gone = kconfig.lost(read(FRAGMENT), CONFIG.replace("# CONFIG_RD_GZIP is not set", "CONFIG_RD_GZIP=y"))
    assert gone is not None
    assert gone.name == "CONFIG_RD_GZIP"


def test_a_longer_name_is_another_option() -> None:
    gone = kconfig.lost(read("CONFIG_TTY=y  # required: me"), "CONFIG_TTY_OTHER=y\n")
    assert gone is not None


# -- differences ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ('CONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_KEY="certs/signing_key.pem"', "CONFIG_MODULE_SIG_KEY"),
        ('CONFIG_IMA_APPRAISE_MODSIG=y\nCONFIG_MODULE_SIG_KEY="certs/signing_key.pem"', "CONFIG_MODULE_SIG_KEY"),
        ("CONFIG_RANDSTRUCT=y\nCONFIG_RANDSTRUCT_FULL=y", "CONFIG_RANDSTRUCT=y"),
        ("CONFIG_GCC_PLUGIN_LATENT_ENTROPY=y", "CONFIG_GCC_PLUGIN_LATENT_ENTROPY=y"),
        ('CONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_KEY="/keys/mine.pem"', ""),
        ('# CONFIG_MODULE_SIG is not set\nCONFIG_MODULE_SIG_KEY="certs/signing_key.pem"', ""),
        ("# CONFIG_RANDSTRUCT is not set\nCONFIG_RANDSTRUCT_NONE=y", ""),
    ],
)
def test_options_that_make_every_build_another_one_are_named(lines: str, named: str) -> None:
    said = kconfig.by_chance(f"{CONFIG}{lines}\n")
    assert said.startswith(named)
    assert bool(said) == bool(named)


def test_the_difference_from_the_base_is_told_as_fragment_lines_in_order() -> None:
    base = "CONFIG_SAME=y\nCONFIG_GONE=y\n# CONFIG_ON is not set\nCONFIG_SIZE=1\n"
    config = "CONFIG_SIZE=2\nCONFIG_SAME=y\nCONFIG_ON=y\nCONFIG_FRESH=m\n"
    assert kconfig.difference(base, config) == (
        "CONFIG_FRESH=m",
        "CONFIG_GONE=n",
        "CONFIG_ON=y",
        "CONFIG_SIZE=2",
    )


def test_not_set_and_not_named_are_no_difference() -> None:
    assert kconfig.difference("# CONFIG_A is not set\n", "") == ()
    assert kconfig.difference("", "# CONFIG_A is not set\n") == ()
