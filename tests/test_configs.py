"""Is Kconfig asked only where its answer may be another one, and is a wrong inference found out?"""

from __future__ import annotations

from pathlib import Path

import pytest

from bisector.reuse import alike
from bisector.reuse.parts import Parts
from tests.conftest import ONCE, Bisector, Ran
from tests.minitree import Edits, MiniTree

STRING: Edits = {"neutral": "string"}
HIDDEN = "Documentation/hidden.txt"
PARTS = Parts(frozenset({"kernel/fork.c"}), frozenset({"Kconfig", "init/Kconfig"}), frozenset({"", "kernel"}))


def configured(bisector: Bisector, ran: Ran, purpose: str) -> list[bool]:
    """Of each step for this purpose, whether its build asked Kconfig."""
    [session] = bisector.sessions
    logs = [session / "logs" / f"{commit[:12]}.build.log" for commit in ran.tested(purpose)]
    return [" tinyconfig" in log.read_text() for log in logs if log.exists()]


def test_commits_that_change_sources_only_ask_kconfig_at_the_ends_and_where_it_counts(
    tree: MiniTree, bisector: Bisector
) -> None:
    ids = tree.story(20, 12, edits={at: STRING for at in range(20) if at != 12})
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert (ran.code, ran.culprit) == (0, ids[12])
    assert configured(bisector, ran, "old-end") == configured(bisector, ran, "new-end") == [True]
    searched = set(ran.tested("search")) - {ids[11], ids[12]}  # these two were built from nothing as well
    [session] = bisector.sessions
    told = [(session / "logs" / f"{commit[:12]}.build.log").read_text() for commit in searched]
    assert told
    assert all(" tinyconfig" not in log and "$ # configured as " in log for log in told)
    assert configured(bisector, ran, "culprit") == configured(bisector, ran, "parent") == [True]
    # An option that went and came back is asked for.
    assert {step["kernel"]["configured"] for step in ran.steps if step["purpose"] == "culprit"} == {""}


def test_an_option_that_goes_and_comes_is_seen(tree: MiniTree, bisector: Bisector) -> None:
    edits: dict[int, Edits] = dict.fromkeys(range(16), STRING) | {
        5: {"drops": ["PERF_EVENTS"]},
        8: {"restores": ["PERF_EVENTS"], "hits": {"exec-sigtrap": "OK"}},
    }
    ids = tree.story(16, 8, edits=edits)
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert (ran.code, set(ran.candidates)) == (10, set(ids[5:9])), ran.err


def test_a_wrong_configuration_is_found_out(tree: MiniTree, bisector: Bisector) -> None:
    files = tree.files(tree.base)
    # What the configuration hangs on leaves no record.
    makefile = files["Makefile"].replace(
        "$(kconfig) .config > .config.new\n",
        f"$(kconfig) .config > .config.new; cat $(srctree)/{HIDDEN} >> .config.new\n",
    )
    header = files["behaviour.h"].replace('"exec-sigtrap", STUCK', '"exec-sigtrap", LISTED')
    listed = "#ifdef CONFIG_HIDDEN\n#define LISTED OK\n#else\n#define LISTED STUCK\n#endif\n"
    assert makefile != files["Makefile"]
    assert header != files["behaviour.h"]
    first = tree.commit("mini: hidden", files={"Makefile": makefile, "behaviour.h": listed + header, HIDDEN: "#\n"})
    edits: dict[int, Edits] = dict.fromkeys(range(16), STRING)
    edits[6] = {"files": {HIDDEN: "CONFIG_HIDDEN=y\n"}, "neutral": "string"}
    ids = tree.story(16, 6, edits=edits)
    ran = bisector.start(tree.path, first, ids[-1], *ONCE)
    assert (ran.code, ran.culprit) == (0, ids[6]), ran.err
    [doubt] = [one for one in ran.lines if one.get("event") == "distrusted"]
    assert "is not configured as" in doubt["because"]


@pytest.mark.parametrize(
    ("path", "appeared", "may"),
    [
        ("kernel/fork.c", False, False),
        ("drivers/net/Makefile", False, False),
        ("Documentation/new.rst", True, True),
        ("drivers/net/Kconfig", False, False),  # is not read: nothing that is read names it
        ("init/Kconfig", False, True),
        ("Makefile", False, True),
        ("MAINTAINERS", False, False),
        ("arch/arm64/Makefile", False, True),
        ("arch/arm64/mm/Makefile", False, False),
        ("arch/x86/Makefile", False, False),
        ("scripts/Kconfig.include", False, True),
        ("scripts/gcc-version.sh", False, True),
        ("kernel/configs/tiny.config", False, True),
        ("arch/arm64/tools/gen-sysreg.awk", False, True),
    ],
)
def test_what_may_make_another_configuration(path: str, appeared: bool, may: bool) -> None:
    assert alike.configuring(PARTS, {"lib/bcd.c": False, path: appeared}, "arm64") == (path if may else "")


def test_a_kernel_that_holds_its_sources_names_is_certified(
    tree: MiniTree, bisector: Bisector, tmp_path: Path
) -> None:
    files = tree.files(tree.base)
    # UBSAN's records name the source as the compiler was told it: by ccache from the objects' directory.
    makefile = files["Makefile"].replace("CFLAGS := $(target)", "CFLAGS := -fsanitize=shift $(target)", 1)
    handler = "void __ubsan_handle_shift_out_of_bounds(void *data, void *lhs, void *rhs)"
    shift = f"{handler};\n{handler}\n{{\n\t(void)data, (void)lhs, (void)rhs;\n}}\n"
    library = (
        f"{files['lib/lib.c']}\nint shifted(int, int);\nint shifted(int a, int b)\n{{\n\treturn a << b;\n}}\n{shift}"
    )
    assert makefile != files["Makefile"]
    first = tree.commit("mini: ubsan", files={"Makefile": makefile, "lib/lib.c": library})
    ids = tree.story(6, 3)
    # Among options that are all bisector's own there is none that does so.
    (tmp_path / "more.config").write_text("CONFIG_UBSAN=y  # wanted: a person\n")
    ran = bisector.start(tree.path, first, ids[-1], *ONCE, "--fragment", str(tmp_path / "more.config"))
    assert (ran.code, ran.culprit) == (0, ids[3]), ran.err
    [session] = bisector.sessions
    assert ".bisector-ccache" in (session / "logs" / f"{ids[3][:12]}.build.log").read_text()


def test_an_option_by_which_no_build_is_like_another_is_refused_at_the_first_build(
    tree: MiniTree, bisector: Bisector, tmp_path: Path
) -> None:
    kconfig = tree.files(tree.base)["Kconfig"]
    first = tree.commit("mini: randstruct", files={"Kconfig": f'{kconfig}\nconfig RANDSTRUCT\n\tbool "Randomize"\n'})
    ids = tree.story(3, 1)
    (tmp_path / "more.config").write_text("CONFIG_RANDSTRUCT=y\n")
    ran = bisector.start(tree.path, first, ids[-1], *ONCE, "--fragment", str(tmp_path / "more.config"))
    assert ran.code == 2
    assert "with CONFIG_RANDSTRUCT=y no two builds of" in ran.err
    assert bisector.start(tree.path, tree.base, ids[-1], *ONCE, "--fragment", str(tmp_path / "more.config")).code == 2


def test_a_commit_that_breaks_is_configured_afresh(tree: MiniTree, bisector: Bisector) -> None:
    broken: Edits = {"breaks": "compile", "neutral": "string"}
    edits: dict[int, Edits] = dict.fromkeys(range(12), STRING)
    edits |= {4: broken, 7: {"mends": True, "hits": {"exec-sigtrap": "OK"}}}
    ids = tree.story(12, 7, edits=edits)
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert (ran.code, set(ran.candidates)) == (10, set(ids[4:8])), ran.err
    [session] = bisector.sessions
    for commit in set(ran.tested("search")) & set(ids[4:7]):
        log = (session / "logs" / f"{commit[:12]}.build.log").read_text()
        assert log.index("$ # configured as ") < log.index(" tinyconfig")
        # Twice, and no more often: the second time with one job, and both times for the same reason.
        made = [line for line in log.splitlines() if line.startswith("$ ") and line.endswith(" Image")]
        assert [" -j1 " in line for line in made] == [False, True]
