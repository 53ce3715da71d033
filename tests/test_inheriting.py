"""Does a commit count as another one whose kernel it makes, and what if that was wrong?"""

from __future__ import annotations

import pytest

from tests.conftest import ONCE, Bisector, Ran
from tests.minitree import Edits, MiniTree

OK: Edits = {"hits": {"exec-sigtrap": "OK"}}
TEXT: Edits = {"neutral": "document"}
# A list that make reads by itself, in a place that it never goes down into: no record tells of it.
UNRECORDED = "data/outcome.txt"


def inherited(ran: Ran) -> dict[str, str]:
    """Whose kernel a commit was said to make."""
    return {one["commit"]["id"]: one["source"]["id"] for one in ran.lines if one.get("event") == "inherited"}


def test_a_commit_that_changes_nothing_of_the_kernel_costs_nothing(tree: MiniTree, bisector: Bisector) -> None:
    edits = {at: OK if at == 40 else TEXT for at in range(64)}
    ids = tree.story(64, 40, edits=edits)
    ran = bisector.start(tree.path, tree.base, ids[-1])
    assert (ran.code, ran.culprit) == (0, ids[40])
    # Both ends are built, the edge from nothing, and the new end without the change; all else was known.
    assert ran.tested("search") == []
    found = inherited(ran)
    assert found == {commit: tree.base if ids.index(commit) < 40 else ids[-1] for commit in found}
    assert {ids[39], ids[40]} <= found.keys()
    assert ran.conclusion["odds"]["culprit"] > 0.99
    [line] = [one for one in ran.lines if one.get("event") == "inherited" and one["commit"]["id"] == ids[39]]
    assert line["differing"] == 40


def test_what_is_between_is_built_once(tree: MiniTree, bisector: Bisector) -> None:
    edits: dict[int, Edits] = dict.fromkeys(range(32), TEXT) | {9: {"neutral": "string"}, 20: OK}
    ids = tree.story(32, 20, edits=edits)
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert (ran.code, ran.culprit) == (0, ids[20])
    assert len(ran.tested("search")) == 1


def test_a_session_that_goes_on_still_knows_whose_kernels_they_are(tree: MiniTree, bisector: Bisector) -> None:
    edits = {at: OK if at == 12 else TEXT for at in range(20)}
    ids = tree.story(20, 12, edits=edits)
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert (ran.code, ran.culprit) == (0, ids[12])
    again = bisector("retest", "--json", ids[11], "-n", "1")
    assert (again.code, again.culprit, inherited(again)) == (0, ids[12], {})
    told = bisector("report").out
    assert "Commits with the kernel of another" in told


def test_a_set_gives_the_reason_of_the_kernel_that_was_booted(tree: MiniTree, bisector: Bisector) -> None:
    other: Edits = {"hits": {"exec-sigtrap": "DUP"}, "mode": "PANIC_BOOT"}
    edits: dict[int, Edits] = dict.fromkeys(range(12), TEXT) | {5: other, 8: OK | {"mode": "NORMAL"}}
    ids = tree.story(12, 8, edits=edits)
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert (ran.code, set(ran.candidates)) == (10, set(ids[5:9])), ran.err
    assert any(why.startswith("the same kernel as ") and "PANIC" in why for why in ran.candidates.values())
    assert all(ran.candidates.values())


def unrecorded(tree: MiniTree) -> dict[str, str | None]:
    """Make the kernel's behaviour hang on a list that leaves no record."""
    files = tree.files(tree.base)
    flags = "-DLISTED=$(shell cat $(srctree)/" + UNRECORDED + ")"
    makefile = files["Makefile"].replace("-I$(srctree)/include", f"-I$(srctree)/include {flags}", 1)
    header = files["behaviour.h"].replace('"exec-sigtrap", STUCK', '"exec-sigtrap", LISTED')
    assert makefile != files["Makefile"]
    assert header != files["behaviour.h"]
    return {"Makefile": makefile, "behaviour.h": header, UNRECORDED: "STUCK\n"}


def test_a_file_without_a_record_is_found_out_and_no_answer_comes_of_it(tree: MiniTree, bisector: Bisector) -> None:
    first = tree.commit("mini: a list", files=unrecorded(tree))
    edits: dict[int, Edits] = dict.fromkeys(range(16), TEXT) | {
        5: {"files": {UNRECORDED: "OK\n"}},
        # What tells both ends apart by a record, and has nothing to do with it.
        11: {"neutral": "string"},
    }
    ids = tree.story(16, 5, edits=edits)
    ran = bisector.start(tree.path, first, ids[-1], *ONCE)
    # Everything up to 10 seemed to make the old end's kernel; then every commit was built, and the right one found.
    # That it differs from its parent in nothing that took part is a contradiction all the same.
    assert (ran.code, ran.culprit) == (15, None), ran.err
    [doubt] = [one for one in ran.lines if one.get("event") == "distrusted"]
    assert f"does not make the kernel of {first[:12]}, as it seemed" in doubt["because"]
    assert set(ran.candidates) == {ids[5]}
    assert "took part in either build" in ran.conclusion["because"]


def test_a_set_whose_edge_was_inferred_wrongly_loses_no_candidate(tree: MiniTree, bisector: Bisector) -> None:
    first = tree.commit("mini: a list", files=unrecorded(tree))
    edits: dict[int, Edits] = dict.fromkeys(range(12), TEXT) | {
        # Untestable from here on, by what leaves no record: all up to 8 seem to make the old end's kernel.
        3: {"files": {UNRECORDED: "KILLED\n"}},
        8: {"files": {UNRECORDED: "OK\n"}, "neutral": "string"},
    }
    ids = tree.story(12, 8, edits=edits)
    ran = bisector.start(tree.path, first, ids[-1], "--end-boots", "2", "--confirm-boots", "2", "--confidence", "0.6")
    assert ran.code in (0, 10), ran.err
    assert "distrusted" in [one.get("event") for one in ran.lines]
    # A third behaviour, and then the new one: the commit that brought that, or all that it may be.
    assert ran.culprit == ids[8] or set(ids[3:9]) <= ran.candidates.keys()


def test_a_word_below_what_was_seen_new_moves_the_search_there(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(10, 5)
    assert bisector.start(tree.path, tree.base, ids[-1], *ONCE).culprit == ids[5]
    ran = bisector("mark", "--json", ids[3], "new", "--because", "I saw it")
    assert ran.code != 20, ran.err
    assert ran.culprit in (ids[3], None)
    back = bisector("mark", "--json", ids[3], "measured", "--because", "I was wrong")
    assert (back.code, back.culprit) == (0, ids[5]), back.err


def test_the_report_shows_the_edge_that_held(tree: MiniTree, bisector: Bisector) -> None:
    first = tree.commit("mini: a list", files=unrecorded(tree))
    edits: dict[int, Edits] = dict.fromkeys(range(16), TEXT) | {
        5: {"files": {UNRECORDED: "OK\n"}, "neutral": "comment"},
        6: {"files": {UNRECORDED: "STUCK\n"}},
        9: {"files": {UNRECORDED: "OK\n"}},
        11: {"neutral": "string"},
    }
    ids = tree.story(16, 5, edits=edits)
    ran = bisector.start(tree.path, first, ids[-1], *ONCE)
    if ran.culprit is None:
        assert ran.code in (15, 16)
        return
    made = bisector("report", "--format", "json").lines[0]["report"]
    assert made["after"]["commit"]["id"] == ran.culprit
    assert [one["outcomes"][0]["word"] for one in made["before"]] == ["STUCK"]
    assert made["after"]["outcomes"][0]["word"] == "OK"


def as_broken(ran: Ran) -> dict[str, str]:
    """As which other one a commit was said to break."""
    return {
        one["commit"]["id"]: one["source"]["id"]
        for one in ran.lines
        if one.get("event") == "inherited" and one["broken"]
    }


def test_a_row_that_breaks_in_one_way_is_not_built_commit_by_commit(tree: MiniTree, bisector: Bisector) -> None:
    edits: dict[int, Edits] = dict.fromkeys(range(40), TEXT)
    edits |= {10: {"breaks": "compile"}, 20: OK, 30: {"mends": True}}
    ids = tree.story(40, 20, edits=edits)
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert (ran.code, set(ran.candidates)) == (10, set(ids[10:31])), ran.err
    found = as_broken(ran)
    built = [commit for commit in ran.tested("search") if commit in ids[10:30]]
    # A change that the build reads makes two rows of it; of each one commit broke, and one more was asked.
    assert len(built) == 4, built
    assert len(found) == 18
    assert all((commit in ids[20:]) == (source in ids[20:]) for commit, source in found.items())
    whys = [why for commit, why in ran.candidates.items() if commit in found and commit not in built]
    assert len(whys) == 16
    assert all(why.startswith("breaks as ") and "init/main.c" in why for why in whys), whys
    told = bisector("report").out
    assert " ".join(told.split()).count("whose build read none of") == 16
    assert "Commits with the kernel of another" in told
    # Nothing is built again to say the same.
    again = bisector("resume", "--json")
    assert (again.code, again.steps, set(again.candidates)) == (10, [], set(ran.candidates))


def test_a_row_that_only_seemed_to_break_to_its_end_hides_nothing(tree: MiniTree, bisector: Bisector) -> None:
    first = tree.commit("mini: a list", files=unrecorded(tree))
    # Mended by what leaves no record, beside so many texts that this is the commit to ask.
    mended: dict[str, str | None] = {f"doc/{number}.txt": "A text.\n" for number in range(9)}
    edits: dict[int, Edits] = dict.fromkeys(range(32), TEXT) | {
        3: {"files": {UNRECORDED: "=\n"}, "neutral": "string"},
        21: {"files": mended | {UNRECORDED: "STUCK\n"}},
        24: {"files": {UNRECORDED: "OK\n"}, "neutral": "comment"},
    }
    ids = tree.story(32, 24, edits=edits)
    ran = bisector.start(tree.path, first, ids[-1], *ONCE)
    assert (ran.code, ran.culprit) == (0, ids[24]), ran.err
    [doubt] = [one for one in ran.lines if one.get("event") == "distrusted"]
    assert "does not break as" in doubt["because"]
    assert as_broken(ran).keys() & set(ids[21:24])


def test_what_is_not_known_of_a_broken_build_is_not_inferred(tree: MiniTree, bisector: Bisector) -> None:
    edits: dict[int, Edits] = dict.fromkeys(range(12), TEXT)
    # No compiler says what a linker read, nor where it looked for what is not there.
    absent = tree.files(tree.base)["lib/lib.c"] + '#include "absent.h"\n'
    for at, breaking in ((2, Edits(breaks="link")), (6, Edits(mends=True, files={"lib/lib.c": absent}))):
        edits[at] = breaking
    edits[9] = OK | {"mends": True, "files": {"lib/lib.c": tree.files(tree.base)["lib/lib.c"]}}
    ids = tree.story(12, 9, edits=edits)
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert (ran.code, set(ran.candidates)) == (10, set(ids[2:10])), ran.err
    assert as_broken(ran) == {}
    assert set(ran.tested("search")) >= set(ids[2:9])


@pytest.mark.parametrize("at", [2, 7, 12])
def test_a_topic_that_forked_below_the_old_end_is_searched_to_its_commit(
    tree: MiniTree, bisector: Bisector, at: int
) -> None:
    mainline = tree.story(4, 0, edits=dict.fromkeys(range(4), TEXT))
    # git asks for this one, a merge base below the range, each time that it is told of a commit it did not ask for.
    first = tree.commit("mini: a topic", parents=[mainline[1]], branch="topic", files={"doc/topic.txt": "A topic.\n"})
    texts: dict[int, Edits] = {one: {"files": {f"doc/{one}.txt": "A text.\n"}} for one in range(14)}
    strings: dict[int, Edits] = {one: {"neutral": "string"} for one in range(1, 14, 3)}
    topic = tree.story(14, at, branch="topic", edits=texts | strings | {at: OK})
    merge = tree.commit("Merge branch 'topic'", parents=[mainline[3], topic[-1]])
    ran = bisector.start(tree.path, mainline[2], merge, *ONCE)
    assert (ran.code, ran.culprit) == (0, topic[at]), ran.err
    assert first not in ran.tested("search")
