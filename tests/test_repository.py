"""What do we take from git's answers about a commit that was made to be too much?"""

from __future__ import annotations

from bisector.host.repository import Repository
from tests.minitree import MiniTree


def test_what_a_commit_says_of_itself_is_cut(tree: MiniTree) -> None:
    raw = tree.git("cat-file", "commit", tree.base).replace("author ", f"author {'A' * 5000} ", 1) + "long " * 1000
    long = tree.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=raw.encode()).strip()
    read = Repository(tree.path).read(long)
    assert (len(read.subject), len(read.author)) == (1000, 1000)
    assert read.subject.startswith("mini: first versionlong long")
    assert read.subject.endswith("…")


def test_of_very_many_changed_files_some_are_told(tree: MiniTree) -> None:
    many = tree.commit("mini: many", files={f"many/{number:04}": "x\n" for number in range(600)})
    repository = Repository(tree.path)
    told = repository.files(repository.read(many))
    assert (len(told), told[499], told[500]) == (501, "many/0499", "and 100 more")
