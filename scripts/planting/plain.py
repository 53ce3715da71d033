"""What do people do? `git bisect run` with a script that makes, boots, greps and exits; and what it then names."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bisector import kconfig, opening
from bisector.guest import compile as guest
from bisector.guest import initramfs
from planting.kinds import Planted

SECONDS, ARCHIVES = 20, 40
# The marks are put down before each build and each boot. A new one lets the breakpoint be hit once: `stuck=0`.
SCRIPT = """#!/bin/sh
build() {{
    make -s O={objects} ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- LOCALVERSION= "$@" > /dev/null 2>&1 || exit 125
}}
echo build >> {marks}
build tinyconfig
cat {fragment} >> {objects}/.config
build olddefconfig
build -j2 Image
echo boot >> {marks}
timeout {seconds} qemu-system-aarch64 -M virt -cpu cortex-a57 -smp 2 -m 256 -nographic -nodefaults -serial stdio \\
    -no-reboot -icount shift=5,sleep=off -kernel {objects}/arch/arm64/boot/Image \\
    -initrd {archive}.$(($(wc -l < {marks}) % {archives})) -append "console=ttyAMA0 panic=-1" \\
    < /dev/null > {log} 2>&1
grep -aq 'scenario=exec-sigtrap .*stuck=0' {log} && exit 1
exit 0
"""
_NAMED = re.compile(r"^([0-9a-f]{40}) is the first new commit", re.MULTILINE)


@dataclass(frozen=True)
class Said:
    """The commit that was named, or those of which git says that it is one; what it cost."""

    named: str | None
    among: frozenset[str]
    builds: int
    boots: int


def bisect(repo: Path, planted: Planted, place: Path) -> Said:
    """Bisect as people do, in a clone of their own."""
    place.mkdir()
    tree, objects, marks, log = place / "tree", place / "objects", place / "marks", place / "log"
    objects.mkdir()
    marks.touch()
    archive, fragment, script = place / "root", place / "fragment", place / "script"
    program = guest.probe(["aarch64-linux-gnu-gcc"], opening.cache())
    # The mini kernel draws its flakes from the nonce: one for each boot, as in bisector.
    for number in range(ARCHIVES):
        place.joinpath(f"root.{number}").write_bytes(initramfs.archive(program, initramfs.nonce()))
    options = kconfig.options(opening.fragment(), "our fragments")
    fragment.write_text("".join(f"{option}\n" for option in options))
    words = {"marks": marks, "objects": objects, "fragment": fragment, "archive": archive, "log": log}
    script.write_text(SCRIPT.format(seconds=SECONDS, archives=ARCHIVES, **words))
    script.chmod(0o755)
    _git(place, "clone", "--quiet", "--no-checkout", str(repo), str(tree))
    _git(tree, "checkout", "--quiet", "--detach", planted.new)
    begun = _git(
        tree, "bisect", "start", "--term-old=old", "--term-new=new", planted.new, planted.old, "--", *planted.paths
    )
    said = _git(tree, "bisect", "run", str(script)) if begun is not None else None
    done = marks.read_text().split()
    builds, boots = done.count("build"), done.count("boot")
    if said is None:
        left = _git(tree, "rev-list", "refs/bisect/new", "--not", "--glob=refs/bisect/old-*") or ""
        skipped = _git(tree, "for-each-ref", "--format=%(objectname)", "refs/bisect/skip-*") or ""
        # Only where it ends for want of commits to test.
        among = frozenset(left.split()) if skipped and len(left.split()) > 1 else frozenset[str]()
        return Said(None, among, builds, boots)
    found = _NAMED.search(said)
    return Said(found[1] if found else None, frozenset(), builds, boots)


def _git(place: Path, *words: str) -> str | None:
    """Run git; None if it fails."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environ |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    done = subprocess.run(
        ["git", *words], cwd=place, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return done.stdout if done.returncode == 0 else None
