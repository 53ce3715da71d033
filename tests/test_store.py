"""Is a kernel that one session built taken by the next, and never a wrong or a spoiled one?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bisector import keep
from bisector.errors import HostError
from bisector.model import Kernel
from bisector.reuse.parts import Parts
from bisector.reuse.store import Store, locked, shrink
from tests.conftest import ONCE, Bisector, Ran
from tests.minitree import Edits, MiniTree
from tests.test_inheriting import TEXT, UNRECORDED, unrecorded

COMMIT, OTHER = "c" * 40, "d" * 40
LISTING = {"kernel/fork.c": "100644 blob 1", "net/core/dev.c": "100644 blob 2", "README": "100644 blob 3"}
PARTS = Parts(frozenset({"kernel/fork.c"}), frozenset({"Kconfig"}), frozenset({"", "kernel"}))


def built(ran: Ran) -> list[str]:
    """The purposes for which kernels were built."""
    return [step["purpose"] for step in ran.steps if step["seconds"]["build"] > 0]


def test_the_same_bisection_again_builds_nothing(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(20, flip_at=13)
    first = bisector.start(tree.path, tree.base, ids[-1])
    again = bisector.start(tree.path, tree.base, ids[-1], "--new-session")
    assert (first.code, first.culprit) == (again.code, again.culprit) == (0, ids[13])
    assert {"old-end", "search", "culprit", "parent", "reverted"} <= set(built(first))
    assert built(again) == []
    # What is at hand is preferred, for a step more at most; all else is tested as often.
    searched = [len(ran.tested("search")) for ran in (first, again)]
    assert 0 < searched[1] <= searched[0] + 1
    assert len(again.steps) - searched[1] == len(first.steps) - searched[0]
    cold = bisector.start(tree.path, tree.base, ids[-1], "--new-session", "--no-store")
    assert built(cold) == built(first)


def test_a_search_with_nearby_ends_builds_its_ends_only(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(80, flip_at=50, edits={at: {"neutral": "string"} for at in range(80) if at != 50})
    first = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    again = bisector.start(tree.path, ids[3], ids[-6], *ONCE)
    assert (first.culprit, again.culprit) == (ids[50], ids[50])
    assert built(first).count("search") >= 5
    assert set(built(again)) <= {"old-end", "new-end", "reverted"}
    # Most of the second's commits are not the first's midpoints by chance: git would have taken others.
    assert sum(step["purpose"] == "search" for step in again.steps) <= 8


def test_another_history_with_the_same_sources_builds_nothing(
    tree: MiniTree, bisector: Bisector, tmp_path: Path
) -> None:
    edits: dict[int, Edits] = {4: {"hits": {"exec-sigtrap": "OK"}}, 7: {"neutral": "string"}}
    ids = tree.story(12, 4, edits=dict.fromkeys(range(12), TEXT) | edits)
    assert bisector.start(tree.path, tree.base, ids[-1], *ONCE).code == 0
    other = MiniTree.create(tmp_path / "other")
    moved = other.story(13, 5, edits={at + 1: edit for at, edit in edits.items()} | {0: TEXT, 1: TEXT, 2: TEXT})
    ran = bisector.start(other.path, other.base, moved[-1], *ONCE)
    assert ran.culprit == moved[5]
    # What certifies is built from nothing, of that very commit; and a neutral commit of its own kind is new.
    assert {"old-end", "culprit"} & set(built(ran)) <= {"culprit"}


def test_a_wrong_kernel_from_the_store_is_found_out(tree: MiniTree, bisector: Bisector) -> None:
    first = tree.commit("mini: a list", files=unrecorded(tree))
    edits: dict[int, Edits] = dict.fromkeys(range(12), TEXT) | {
        # What makes the difference leaves no record; the other file that it changes does.
        6: {"files": {UNRECORDED: "OK\n"}, "neutral": "string"},
        9: {"neutral": "comment"},
    }
    ids = tree.story(12, 6, edits=edits)
    # The same sources as at 6, but for the list: this kernel is STUCK.
    wrong = tree.commit("mini: not yet", parents=[ids[5]], branch="wrong", neutral="string")
    header = tree.files(ids[6])["init/version.c"]
    wrong = tree.commit("mini: as at 6", parents=[wrong], branch="wrong", files={"init/version.c": header})
    assert bisector("test", "--repo", tree.path, wrong).code == 0
    ran = bisector.start(tree.path, first, ids[-1], *ONCE)
    assert (ran.code, ran.culprit) == (0, ids[6]), ran.err
    taken = [step for step in ran.steps if step["kernel"] and step["kernel"]["source"] == wrong]
    assert {step["purpose"] for step in taken} == {"search"}
    assert [one["event"] for one in ran.lines if one.get("event") == "distrusted"] == ["distrusted"]


def test_a_retest_of_a_wrong_kernel_boots_the_right_one(tree: MiniTree, bisector: Bisector) -> None:
    first = tree.commit("mini: a list", files=unrecorded(tree))
    edits: dict[int, Edits] = dict.fromkeys(range(12), TEXT) | {
        4: {"files": {UNRECORDED: "OK\n"}, "neutral": "string"},
        7: {"files": {UNRECORDED: "STUCK\n"}, "neutral": "string"},
        9: {"files": {"behaviour.h": tree.files(tree.base)["behaviour.h"].replace("STUCK", "OK")}},
    }
    ids = tree.story(12, 9, edits=edits)
    wrong = tree.commit("mini: not yet", parents=[ids[3]], branch="wrong", neutral="string")
    version = tree.files(ids[4])["init/version.c"]
    wrong = tree.commit("mini: as at 4", parents=[wrong], branch="wrong", files={"init/version.c": version})
    assert bisector("test", "--repo", tree.path, wrong).code == 0
    ran = bisector.start(tree.path, first, ids[-1], *ONCE, "--scenario", "exec-sigtrap")
    assert (ran.code, ran.culprit) == (0, ids[9]), ran.err
    taken = [step["commit"]["id"] for step in ran.steps if step["kernel"] and step["kernel"]["source"] == wrong]
    assert taken
    again = bisector("retest", "--json", taken[0], "-n", "1")
    assert again.code != 20, again.err
    [seen] = [step for step in again.steps if step["purpose"] == "retest"]
    assert (seen["kernel"]["source"], seen["verdict"]) == ("", "new")
    assert [one["event"] for one in again.lines if one.get("event") == "distrusted"] == ["distrusted"]


def test_other_options_make_other_kernels(tree: MiniTree, bisector: Bisector, tmp_path: Path) -> None:
    fragment = tmp_path / "more.config"
    fragment.write_text("CONFIG_PANIC_TIMEOUT=-2  # wanted: another one\n")
    plain = bisector("test", "--json", "--repo", tree.path, tree.base).lines[0]["steps"][0]
    again = bisector("test", "--json", "--repo", tree.path, tree.base).lines[0]["steps"][0]
    other = bisector("test", "--json", "--repo", tree.path, tree.base, "--fragment", fragment).lines[0]["steps"][0]
    assert plain["seconds"]["build"] > 0 < other["seconds"]["build"]
    assert again["seconds"]["build"] == 0


def test_clean_makes_room(tree: MiniTree, bisector: Bisector) -> None:
    assert bisector("test", "--repo", tree.path, tree.base).code == 0
    kept = bisector("clean", "--json").lines[0]
    assert (kept["removed"], kept["left"]) == (0, 1)
    assert kept["bytes"] > 0
    gone = bisector("clean", "--to", "0").out
    assert gone == "1 kernels removed; 0 are left, 0.0 MiB.\n"
    step = bisector("test", "--json", "--repo", tree.path, tree.base).lines[0]["steps"][0]
    assert step["seconds"]["build"] > 0


@pytest.mark.parametrize("size", ["inf", "nan", "-1", "1e300"])
def test_a_size_that_is_none_is_refused(size: str, bisector: Bisector) -> None:
    ran = bisector("clean", "--to", size)
    assert (ran.code, "Traceback" in ran.err) == (2, False)


def test_a_link_in_place_of_the_store_is_refused(tree: MiniTree, bisector: Bisector, tmp_path: Path) -> None:
    (tmp_path / "elsewhere-kernels").mkdir()
    bisector.state.mkdir()
    (bisector.state / "kernels").symlink_to(tmp_path / "elsewhere-kernels")
    for words in (("test", "--repo", tree.path, tree.base), ("clean",)):
        ran = bisector(*words)
        assert (ran.code, "is no directory of yours" in ran.err) == (2, True)


# -- the store itself ----------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "kernels", "recipe", "arm64")


def kernel(
    place: Path, commit: str = COMMIT, *, text: str = "an image", build_id: str = "", configured: str = "",
    clean: bool = False,
) -> Kernel:  # fmt: skip
    """A kernel as a session keeps it."""
    objects = place / "objects"
    objects.mkdir(parents=True, exist_ok=True)
    names = ("Image", "System.map", "config")
    for name in names:
        (objects / name).write_text(f"{name} of {text}")
    into = place / "kept" / commit[:12]
    image, system_map, config = (str(into / name) for name in names)
    made = Kernel(commit, image, system_map, build_id or text, config, "gcc", configured=configured)
    keep.keep(made, [objects / name for name in names], clean=clean, parts=PARTS)
    return made


def test_a_kernel_is_found_by_what_took_part(store: Store, tmp_path: Path) -> None:
    store.put(kernel(tmp_path), LISTING, clean=False)
    alike = LISTING | {"net/core/dev.c": "100644 blob 9", "Documentation/new.rst": "100644 blob 4"}
    found = store.taken(OTHER, alike, tmp_path / "mine", clean=False)
    assert found is not None
    assert (found.commit, found.build_id) == (OTHER, "an image")
    assert Path(found.image).read_text() == "Image of an image"
    assert keep.kept(tmp_path / "mine", OTHER) == found
    assert keep.took_part(found) == PARTS


@pytest.mark.parametrize(
    "changed",
    [{"kernel/fork.c": "100644 blob 9"}, {"kernel/Makefile": "100644 blob 9"}, {"kernel/fork.h": "100644 blob 9"}],
)
def test_another_source_is_another_kernel(store: Store, tmp_path: Path, changed: dict[str, str]) -> None:
    store.put(kernel(tmp_path), LISTING, clean=False)
    assert store.taken(OTHER, LISTING | changed, tmp_path / "mine", clean=False) is None


def test_what_certifies_is_of_that_very_commit_and_was_built_from_nothing(store: Store, tmp_path: Path) -> None:
    store.put(kernel(tmp_path), LISTING, clean=False)
    assert store.taken(COMMIT, LISTING, tmp_path / "mine", clean=True) is None
    store.put(kernel(tmp_path, clean=True), LISTING, clean=True)
    assert store.taken(OTHER, LISTING, tmp_path / "mine", clean=True) is None
    assert store.taken(COMMIT, LISTING, tmp_path / "mine", clean=True) is not None
    # One that was not built from nothing does not take its place.
    store.put(kernel(tmp_path / "again", OTHER), LISTING, clean=False)
    assert store.taken(COMMIT, LISTING, tmp_path / "mine", clean=True) is not None


def test_an_image_that_only_has_the_build_id_is_not_what_was_built_from_nothing(store: Store, tmp_path: Path) -> None:
    # What a program left among the objects did after the linker, in the search.
    store.put(kernel(tmp_path / "search", text="forged", build_id="one"), LISTING, clean=False)
    store.put(kernel(tmp_path / "clean", text="honest", build_id="one", clean=True), LISTING, clean=True)
    found = store.taken(COMMIT, LISTING, tmp_path / "mine", clean=True)
    assert found is not None
    assert Path(found.image).read_text() == "Image of honest"


def test_a_configuration_that_was_put_back_is_known_for_one(store: Store, tmp_path: Path) -> None:
    store.put(kernel(tmp_path / "one"), LISTING, clean=False)
    store.put(kernel(tmp_path / "other", OTHER, configured=COMMIT), LISTING, clean=False)
    found = store.taken(OTHER, LISTING, tmp_path / "mine", clean=False)
    assert found is not None
    assert keep.inferred(found) == COMMIT
    assert store.built_of() == {COMMIT, OTHER}
    assert store.built_of(configured=False) == {COMMIT}


def test_a_spoiled_kernel_is_not_taken(store: Store, tmp_path: Path) -> None:
    store.put(kernel(tmp_path), LISTING, clean=False)
    [image] = (tmp_path / "kernels").glob("*/*/Image")
    image.write_text("Image of an imagf")
    assert store.taken(COMMIT, LISTING, tmp_path / "mine", clean=False) is None
    store.put(kernel(tmp_path, text="a new image"), LISTING, clean=False)
    found = store.taken(COMMIT, LISTING, tmp_path / "mine", clean=False)
    assert found is not None
    assert found.build_id == "a new image"


def test_the_least_recently_used_go_first(store: Store, tmp_path: Path) -> None:
    listings = [LISTING | {"kernel/fork.c": f"100644 blob {number}"} for number in range(4)]
    for number, listing in enumerate(listings):
        store.put(kernel(tmp_path / str(number), f"{number}" * 40, text=f"image {number}"), listing, clean=False)
    for manifest in (tmp_path / "kernels").glob("*/*/manifest.json"):
        os.utime(manifest, (1000, 1000))
    assert store.taken(COMMIT, listings[2], tmp_path / "mine", clean=False) is not None
    size = sum(path.stat().st_size for path in (tmp_path / "kernels").glob("*/*/*"))
    with locked(tmp_path / "kernels") as ours:
        assert ours
        removed, left, size_left = shrink(tmp_path / "kernels", size // 4 + 64)
    assert (removed, left) == (3, 1)
    assert size_left <= size // 4 + 64
    assert store.taken(COMMIT, listings[2], tmp_path / "mine", clean=False) is not None
    assert store.taken(COMMIT, listings[1], tmp_path / "mine", clean=False) is None


def test_a_kernel_whose_files_were_taken_away_is_none(store: Store, tmp_path: Path) -> None:
    made = kernel(tmp_path)
    with pytest.raises(HostError, match="was taken away"):
        keep.keep(made, [], clean=False)
    store.put(made, LISTING, clean=False)
    for path in (tmp_path / "kernels").glob("*/*/Image"):
        path.unlink()
    assert store.taken(COMMIT, LISTING, tmp_path / "mine", clean=False) is None


def test_what_was_forgotten_is_not_found(store: Store, tmp_path: Path) -> None:
    store.put(kernel(tmp_path), LISTING, clean=False)
    store.forget()
    assert store.taken(COMMIT, LISTING, tmp_path / "mine", clean=False) is None


def test_a_store_that_cannot_be_written_stops_nobody(store: Store, tmp_path: Path) -> None:
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "recipe").write_text("no directory")
    store.put(kernel(tmp_path), LISTING, clean=False)
    assert store.taken(COMMIT, LISTING, tmp_path / "mine", clean=False) is None
