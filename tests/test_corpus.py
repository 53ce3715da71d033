"""Does the corpus tell right from wrong, for bisector and for the script that people write? A sample of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from planting.__main__ import bisected, table
from planting.kinds import KINDS

from tests.conftest import LONG

pytestmark = pytest.mark.timeout(600)
SEED = 5


@pytest.mark.parametrize(
    ("kind", "ours", "theirs"),
    [
        pytest.param("line", "right", "right", marks=LONG),
        pytest.param("merge of two halves", "right", "right", marks=LONG),
        ("culprit outside the paths", "right", "wrong"),
        ("wrong ends", "refused", "wrong"),
        ("swapped ends", "refused", "refused"),
    ],
)
def test_a_history_of_the_corpus_ends_as_it_must(
    kind: str, ours: str, theirs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    told, ours_told, theirs_told = bisected((kind, 0, KINDS[kind][1][0], SEED), tmp_path)
    assert told == kind
    assert (ours_told.ending, theirs_told.ending) == (ours, theirs), (ours_told, theirs_told)
    assert table([(kind, ours_told, theirs_told)])[-1].startswith("| all | 1 |")


def test_the_corpus_has_so_many_histories() -> None:
    assert sum(count for count, _ in KINDS.values()) >= 120
