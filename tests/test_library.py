"""Can a program use what the command line uses, by its published names and with its types?"""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bisector
from bisector import api, cli, events
from bisector.endings import Kind
from bisector.report import mail
from tests.minitree import MiniTree

PACKAGE = Path(bisector.__file__).parent


@pytest.fixture
def state(tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", environ["XDG_CACHE_HOME"])
    return tmp_path / "state"


def test_a_program_starts_a_session_reads_it_and_has_its_report(tree: MiniTree, state: Path) -> None:
    ids = tree.story(8, flip_at=5)
    chosen = bisector.choose(tree.path, scenario="exec-sigtrap", end_boots=1, confirm_boots=1, confidence=0.5)
    heard: list[events.Event] = []
    session, conclusion = bisector.start(chosen, tree.base, ids[-1], state=state, emit=heard.append)
    assert (conclusion.kind, conclusion.culprit and conclusion.culprit.id) == (Kind.FOUND, ids[5])
    assert len([event for event in heard if isinstance(event, events.Tested)]) == len(session.steps)
    again = bisector.read(state=state)
    assert again.conclusion == conclusion
    assert bisector.resume(again, state=state) == conclusion
    assert bisector.reported(again).conclusion == conclusion
    assert ids[5] in bisector.page(again)
    assert mail.answers(bisector.reported(again))
    assert bisector.mail(again).startswith(b"From ")
    assert bisector.plan(chosen, tree.base, ids[-1], state=state).commits == 8


def test_a_program_tests_commits_without_a_session(tree: MiniTree, state: Path) -> None:
    [step] = bisector.test(bisector.choose(tree.path), [tree.base], state=state)
    assert step.observation is not None
    assert step.observation.reading("exec-sigtrap").outcome.word == "STUCK"
    assert not list(state.glob("sessions/*/journal.jsonl"))


def test_what_a_person_can_mend_is_a_usererror(tree: MiniTree, state: Path) -> None:
    with pytest.raises(bisector.UserError, match="is not a git repository"):
        bisector.start(bisector.choose(state), "a", "b", state=state)
    with pytest.raises(bisector.UserError, match="signs that no such word has"):
        bisector.choose(tree.path, cpu="$(shell id)")
    with pytest.raises(bisector.UserError, match="there is no session"):
        bisector.read(state=state)


def test_the_published_names_are_those_that_are_typed() -> None:
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text())
    typed = {alias.asname for node in ast.walk(stub) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assigned = [target for node in stub.body if isinstance(node, ast.Assign) for target in node.targets]
    typed |= {target.id for target in assigned if isinstance(target, ast.Name)}
    assert typed - {"_api"} == set(bisector.__all__)
    assert all(getattr(bisector, name) for name in bisector.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(bisector, "nothing")  # noqa: B009


def test_the_names_cost_nothing_before_they_are_used() -> None:
    words = "import sys, bisector; print('numpy' in sys.modules, 'git' in sys.modules); bisector.start"
    words += "; print('git' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "True"]


def test_a_type_checker_knows_them(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import bisector\n"
        "session, conclusion = bisector.start(bisector.choose('/srv/linux'), 'a', 'b')\n"
        "reveal_type(conclusion.culprit)\n"
        "bisector.start('/srv/linux', 'a', 'b')\n"
    )
    words = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(tmp_path / "cache")]
    done = subprocess.run([*words, str(program)], capture_output=True, text=True, cwd=PACKAGE.parent, check=False)
    assert re.search(r'Revealed type is ".*bisector.model.Commit.*None', done.stdout), done.stdout
    assert 'Argument 1 to "start" has incompatible type "str"' in done.stdout
    assert "Found 1 error" in done.stdout


def test_the_command_line_uses_nothing_else_to_work_at_sessions() -> None:
    calls = {
        node.attr
        for path in Path(cli.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "api"
    }
    assert calls <= set(api.__all__)
    assert calls >= {"start", "resume", "test", "report"}


def examples() -> list[str]:
    """The README's Python, and the package's own."""
    readme = (PACKAGE.parent / "README.md").read_text()
    found = re.findall(r"^```python\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    told = "\n".join(line[4:] for line in (bisector.__doc__ or "").splitlines() if line.startswith("    "))
    return [*found, told]


@pytest.mark.parametrize("example", examples(), ids=["README", "package"])
def test_an_example_calls_what_there_is_as_it_can_be_called(example: str) -> None:
    calls = [node for node in ast.walk(ast.parse(example)) if isinstance(node, ast.Call)]
    ours = [call for call in calls if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name)]
    assert len(ours) >= 3
    for call in ours:
        assert isinstance(call.func, ast.Attribute)
        keywords = {word.arg: None for word in call.keywords if word.arg}
        inspect.signature(getattr(bisector, call.func.attr)).bind(*call.args, **keywords)
