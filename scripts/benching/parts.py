"""What is a step made of? Each part of it alone, on Linux 6.12, where the commit changes one compiled file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benching.boots import once
from benching.linux import linux
from benching.pairs import spread, timed
from bisector import api, keep, opening, probe, step, verdict
from bisector.guest import compile as guest
from bisector.guest import initramfs
from bisector.host import trees
from bisector.host.repository import Repository
from bisector.model import Ending, Kernel, Outcome, Purpose, Question, Transcript
from bisector.reuse.alike import Selection
from bisector.reuse.parts import Parts
from bisector.search import child

ROUNDS = 7
QUESTION = Question("exec-sigtrap", Outcome("STUCK"), Outcome("OK"))


def rows() -> list[str]:
    """Return a row for each part, in the order of a step."""
    with linux() as source:
        history, chosen, state = source.history, source.chosen, source.place
        repository = Repository(source.repo)
        [taken] = api.test(chosen, [history.culprit], state=state, tell=lambda *_: None, warn=print)
        assert taken.kernel is not None
        parent, culprit = repository.commit(f"{history.culprit}^"), taken.commit
        with opening.bench(chosen, state / "tests" / "parts", state, culprit, print) as bench:
            tree, made = bench.workspace, bench.recipe
            step.take(bench, culprit, Purpose.TEST, None, lambda *_: None)
            program = guest.probe(opening.probe_compiler(chosen), opening.cache())
            plain = bench.machine.argv(taken.kernel.image, str(bench.directory / "probe.cpio"))
            said = once(plain)
            heard = Transcript("", Ending.POWERED_OFF, said.seconds, None, opening.BY_HAND)
            pair = [parent, culprit]

            def run(*words: str) -> None:
                subprocess.run(words, check=True, capture_output=True, stdin=subprocess.DEVNULL, cwd=tree.tree)

            def checked_out() -> None:
                tree.git.check_out(pair[0])
                tree.git.sweep()
                pair.reverse()

            def build(*targets: str) -> None:
                subprocess.run(
                    made.make(tree.tree, tree.objects, *targets),
                    env=made.environment(tree.tree),
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    check=True,
                )

            def looked_at() -> None:
                listing = trees.listing(tree.git, culprit.id)
                assert taken.kernel is not None
                Selection(_parts(taken.kernel), "arm64").key(listing)

            def kept() -> None:
                assert taken.kernel is not None
                assert keep.kept(Path(taken.kernel.image).parent, culprit.id)

            def packed() -> None:
                (bench.directory / "archive").write_bytes(initramfs.archive(program, initramfs.nonce()))

            parts: dict[str, Callable[[], object]] = {
                "git's child starts (Python without our packages)": lambda: run(
                    sys.executable,
                    "-I",
                    "-S",
                    "-c",
                    f"import runpy; runpy.run_path({child.__file__!r}, run_name='x')",
                ),
                "git reads which commit that is (`rev-parse`)": lambda: run("git", "rev-parse", "--verify", "HEAD"),
                "which kernel would it be (a listing of its files, and their digests)": looked_at,
                "checkout of one changed file, and what is strange removed": checked_out,
                "Kconfig is asked (`olddefconfig`)": lambda: build("olddefconfig"),
                "make with nothing to do": lambda: build(made.architecture.image),
                "the kept kernel is looked at by its digests": kept,
                "the initramfs is packed": packed,
                "QEMU alone, to power-off": lambda: once(plain),
                "its console is read and judged": lambda: verdict.judge(probe.read(heard), QUESTION, chosen.on),
            }
            build("olddefconfig")
            build(made.architecture.image)
            seen: dict[str, list[float]] = {name: [] for name in parts}
            for _ in range(ROUNDS):
                for name, call in parts.items():
                    seen[name].append(timed(call))
    return [f"| of a step: {name} ({ROUNDS} times) | {spread(taken, 3)} s | | |" for name, taken in seen.items()]


def _parts(kernel: Kernel) -> Parts:
    parts = keep.took_part(kernel)
    assert parts is not None
    return parts
