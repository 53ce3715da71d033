"""How does the tarball become the base commit, byte for byte?"""

from __future__ import annotations

import contextlib
import hashlib
import lzma
import shutil
import tarfile
import time
from pathlib import Path

from kernel_history import git
from kernel_history.messages import HistoryError, say

BASE = "refs/heads/base"
BORN = 1731859200  # the day of Linux 6.12; every commit's date is counted from here, so ids never change
IMPORT = "1"  # raise it when the same tarball would give another base commit


def ensure_base(source: Path, repository: Path) -> None:
    """Make the repository with the pristine tree, unless it is there already and from the same tarball.

    The tarball goes straight into fast-import: no file is unpacked, so no .gitignore, .gitattributes or
    autocrlf can change what is committed (the tree is what `git add -A -f` in the unpacked source gives), and
    86,000 files are one pack at once.  The work is done in a sibling that is renamed at the end: an interrupted
    import leaves nothing to be mistaken for a repository, and the next call starts afresh.
    """
    if not source.is_file():
        raise HistoryError(f"{source}: no such tarball; `apt-get install linux-source-6.12` brings it")
    identity = f"{IMPORT} {_sha256(source)}"
    if _stands(repository, identity):
        return
    partial = repository.with_name(repository.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    began = time.monotonic()
    try:
        options = ("--quiet", "--bare", "--template=", "--object-format=sha1", "--initial-branch=base")
        git.run(partial, "init", *options)
        for name, value in (
            ("gc.auto", "0"),  # one good pack; a gc beside running builds would only cost
            ("maintenance.auto", "false"),
            ("core.autocrlf", "false"),  # worktrees made from here must get the bytes as they are
            ("core.logAllRefUpdates", "false"),
            ("bisector.source", identity),
        ):
            git.run(partial, "config", "--local", name, value)
        try:
            files = _import_tarball(source, partial)
        except (tarfile.TarError, lzma.LZMAError, EOFError) as error:
            raise HistoryError(f"{source}: not a whole tarball: {error}") from error
        partial.rename(repository)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    say(f"{repository}: {files} files of {source.name} in {time.monotonic() - began:.0f} s")


def _stands(repository: Path, identity: str) -> bool:
    """Tell whether the base is there; raise HistoryError if something else is in its place."""
    if not repository.exists() or not any(repository.iterdir()):
        return False
    made_of = ""
    with contextlib.suppress(HistoryError):  # not a repository at all: not ours either
        config = git.run(repository, "config", "--local", "--default", "", "--get", "bisector.source")
        made_of = config.decode().strip()
    if made_of != identity:
        origin = f"of another source ({made_of})" if made_of else "not made by this script"
        raise HistoryError(f"{repository}: is {origin}; remove it or choose another --into")
    return True


def _import_tarball(source: Path, repository: Path) -> int:
    """Commit the tarball's tree, without its topmost folder, as BASE; return the number of files."""
    files = 0
    spoke = time.monotonic()
    # No deltas (--depth=0): fast-import would try each file against the one before it, and find nothing.
    # Opened by lzma, not "r|*": there tarfile takes a file that is cut at a header for a whole one.
    with (
        git.fast_import(repository, "--depth=0") as stream,
        lzma.open(source) as plain,
        tarfile.open(fileobj=plain, mode="r|", encoding="utf-8") as tarball,
    ):
        message = f"{source.name.split('.tar')[0]}: the pristine tree of Debian's package\n"
        stream.write(git.header(BASE, 1, "Debian Kernel Team <debian-kernel@lists.debian.org>", BORN, message))
        for member in tarball:
            path = member.name.removeprefix("./").partition("/")[2]
            if member.isdir() or not path:
                continue
            if member.issym():
                stream.write(git.blob(path, "120000", member.linkname.encode(errors="surrogateescape")))
            elif member.isreg() and (content := tarball.extractfile(member)) is not None:
                stream.write(git.blob(path, "100755" if member.mode & 0o100 else "100644", content.read()))
            else:
                raise HistoryError(f"{source}: {member.name} is neither a file nor a symbolic link")
            files += 1
            if time.monotonic() - spoke > 5:
                spoke = time.monotonic()
                say(f"{source.name}: {files} files ...")
    return files


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
