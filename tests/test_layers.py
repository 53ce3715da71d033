"""Is the picture of the package still true: who imports whom, and who is at home where?"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bisector

PACKAGE = Path(bisector.__file__).parent
ROOT = PACKAGE.parent
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in sorted(PACKAGE.rglob("*.py"))}
STAGES = {f"bisector.{name}" for name in ("checkout", "build", "boot", "probe", "verdict")}
PURE = (
    "bisector.facts",
    "bisector.stops",
    "bisector.scenarios",
    "bisector.frames",
    "bisector.probe",
    "bisector.watch",
    "bisector.verdict",
    "bisector.evidence",
    "bisector.report",
)
LINES = 265

# Third-party package -> the only modules that import it.
HOMES = {
    "git": {"bisector.host.repository"},
    "pexpect": {"bisector.host.console"},
    "ptyprocess": {"bisector.host.console"},
    "qemu": {"bisector.host.monitor"},
    "tenacity": {"bisector.retrying"},
    "rich": {"bisector.terminal"},
    "jinja2": {"bisector.report.page"},
    "numpy": {"bisector.evidence"},
    "scipy": {"bisector.evidence"},
    "msgspec": {
        "bisector.events",
        "bisector.journal",
        "bisector.answers",
        "bisector.reuse.boots",
        "bisector.ahead",
        "bisector.branches",
        "bisector.forerunner",
    },
    "click": {"bisector.cli"},
    "platformdirs": {"bisector.opening", "bisector.sessions"},
}


def imports(path: Path) -> Iterator[str]:
    """Yield the full name of everything that a module imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES or f"{whole}.__init__" in MODULES else str(node.module)


def ours(name: str) -> set[str]:
    """Return the modules of ours that a module imports."""
    return {found.removesuffix(".__init__") for found in imports(MODULES[name]) if found.startswith("bisector")}


def below(name: str, *roofs: str) -> bool:
    return any(name == roof or name.startswith(f"{roof}.") for roof in roofs)


def test_the_picture_names_modules_that_exist() -> None:
    packages = {name.removesuffix(".__init__") for name in MODULES}
    homes = set().union(*HOMES.values())
    assert packages >= STAGES | homes | set(PURE)


def test_a_third_party_package_is_imported_in_its_home_only() -> None:
    found: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        for imported in imports(path):
            top = imported.partition(".")[0]
            if top not in sys.stdlib_module_names and top != "bisector":
                found.setdefault(top, set()).add(name.removesuffix(".__init__"))
    assert found.keys() == HOMES.keys()
    for package, homes in HOMES.items():
        assert {name for name in found[package] if not below(name, *homes)} == set(), package


def test_stages_do_not_know_each_other() -> None:
    for stage in STAGES:
        assert ours(stage) & (STAGES - {stage}) == set(), stage


@pytest.mark.parametrize("name", [name for name in MODULES if below(name, *PURE)])
def test_what_is_pure_imports_values_only(name: str) -> None:
    own = name.rpartition(".")[0] if below(name, "bisector.evidence", "bisector.report") else name
    known = [own, "bisector.model", "bisector.endings", "bisector.scenarios"]
    known += ["bisector.known"] if name == "bisector.report.values" else []
    known += ["bisector.frames", "bisector.facts"] if name == "bisector.probe" else []
    known += ["bisector.facts", "bisector.stops"] if name in ("bisector.scenarios", "bisector.stops") else []
    known += ["bisector.evidence.forecast"] if name == "bisector.report.plan" else []
    # The table of names is the verdict's, the ends' and the report's alike.
    judges = ("bisector.evidence.ends", "bisector.evidence.unsteady", "bisector.report.rules")
    known += ["bisector.verdict"] if name in judges else []
    assert {imported for imported in ours(name) if not below(imported, *known)} == set()


@pytest.mark.parametrize("name", [name for name in MODULES if below(name, *PURE)])
def test_what_is_pure_touches_neither_files_nor_processes_nor_clocks(name: str) -> None:
    worldly = {"os", "io", "pathlib", "subprocess", "socket", "time", "datetime", "random", "secrets", "shutil"}
    assert {imported.partition(".")[0] for imported in imports(MODULES[name])} & worldly == set()


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("bisector.host")])
def test_the_host_knows_no_more_than_errors_and_nouns(name: str) -> None:
    known = ("bisector.errors", "bisector.model", "bisector.host")
    assert {imported for imported in ours(name) if not below(imported, *known)} == set()


def test_the_nouns_and_the_errors_import_nothing_of_ours() -> None:
    assert ours("bisector.model") == set()
    assert ours("bisector.endings") == {"bisector.model"}
    assert ours("bisector.errors") == set()
    assert ours("bisector.search.child") == set()


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {name.removesuffix(".__init__"): ours(name) for name in MODULES}

    def reached(name: str) -> set[str]:
        seen: set[str] = set()
        left = list(graph[name])
        while left:
            module = left.pop()
            if module not in seen:
                seen.add(module)
                left += graph.get(module, ())
        return seen

    assert {name for name in graph if name in reached(name)} == set()


def test_nothing_below_the_command_line_imports_it() -> None:
    lower = [name for name in MODULES if not below(name, "bisector.cli", "bisector.__main__")]
    assert {name for name in lower if any(below(imported, "bisector.cli") for imported in ours(name))} == set()


@pytest.mark.parametrize("name", MODULES)
def test_a_module_opens_with_its_question_and_stays_short(name: str) -> None:
    source = MODULES[name].read_text()
    said = ast.get_docstring(ast.parse(source))
    assert said
    assert source.startswith('"""')
    assert len(source.splitlines()) <= LINES


@pytest.mark.parametrize("name", MODULES)
def test_no_module_is_called_after_nothing(name: str) -> None:
    last = name.rpartition(".")[2]
    assert not re.search(r"util|helper|manager|handler|misc|common", last)


# -- the repository ------------------------------------------------------------------------------------


def tracked() -> list[Path]:
    """Return every file that git has or would take."""
    argv = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(argv, capture_output=True, check=True)
    paths = [ROOT / name for name in done.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout")
def test_no_file_holds_this_machine_s_paths_or_the_kernel_s_texts() -> None:
    # Put together here, so that this file does not hold them either.
    paths = ["/" + "work/", "/tmp/" + "lab", "/" + "root/", "/" + "farm/"]
    texts = ["Copyright (" + "C)", "MODULE_" + "LICENSE", "EXPORT_" + "SYMBOL"]
    files = tracked()
    assert PACKAGE / "probe.py" in files
    found = [
        (str(path.relative_to(ROOT)), word)
        for path in files
        for word in (*paths, *texts)
        if word.encode() in path.read_bytes()
    ]
    assert found == []
