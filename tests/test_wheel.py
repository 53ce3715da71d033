"""Does it work from an installed wheel, outside any checkout?"""

import os
import subprocess
import sys
import venv
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import ONCE, Bisector
from tests.minitree import MiniTree

TOP = Path(__file__).parents[1]


@pytest.mark.timeout(300)
def test_a_bisection_from_an_installed_wheel_ends_at_the_commit(
    tree: MiniTree, bisector: Bisector, tmp_path: Path
) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path / "dist"), str(TOP)]
    subprocess.run(build, check=True, cwd=tmp_path, capture_output=True, timeout=200)
    [wheel] = (tmp_path / "dist").glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=False)
    python = str(tmp_path / "venv" / "bin" / "python")
    # What it depends on comes from our own environment, but bisector itself must not.
    site = next(path for path in sys.path if path.endswith("site-packages"))
    [home] = (tmp_path / "venv").glob("lib/python3*/site-packages")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", str(wheel)]
    subprocess.run(install, check=True, cwd=tmp_path, env=dict(os.environ), capture_output=True, timeout=200)
    dependencies = [path for path in Path(site).iterdir() if "bisector" not in path.name and path.suffix != ".pth"]
    for path in dependencies:
        if not (home / path.name).exists():
            (home / path.name).symlink_to(path)
    where = [python, "-I", "-c", "import bisector; print(bisector.__file__)"]
    assert subprocess.run(where, check=True, capture_output=True, text=True).stdout.startswith(str(home))
    installed = replace(bisector, command=(str(tmp_path / "venv" / "bin" / "bisector"),))
    ids = tree.story(4, 2)
    ran = installed.start(tree.path, tree.base, ids[-1], *ONCE)
    assert (ran.code, ran.culprit) == (0, ids[2]), ran.err
    assert installed("report").code == 0
