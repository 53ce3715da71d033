"""Does ccache save what it can, at no compiler's run more, and never bring an earlier object? Real ccache and gcc."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bisector import opening
from bisector.recipe import NEVER_CACHED, Recipe
from bisector.reuse import taking
from tests import samples

# As kbuild calls the compiler: a dependency file for each object, flags of the command line, names from the source.
MAKEFILE = """
VPATH := $(dir $(lastword $(MAKEFILE_LIST)))
all: $(O)/c.o $(O)/s.o $(O)/taken.o
$(O)/%.o: %.c
\t$(CC) $(KCFLAGS) -Wp,-MMD,$@.d -I$(VPATH)include -Wa,-I$(VPATH) -c -o $@ $<
$(O)/%.o: %.S blob
\t$(CC) $(KAFLAGS) -Wp,-MMD,$@.d -I$(VPATH) -D__ASSEMBLY__ -c -o $@ $<
"""
LOGGING = '#!/bin/sh\necho "$@" >> {log}\nexec {gcc} "$@"\n'


class Building:
    """A tree of one C and one assembler source, and a compiler that notes the runs that make objects of them."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place, self.tree, self.log = place, place / "tree", place / "log"
        (self.tree / "include").mkdir(parents=True)
        (place / "tmp").mkdir()
        (place / "bin").mkdir()
        settings = replace(samples.settings(), fragment=opening.fragment())
        self.recipe = replace(opening.recipe(settings), ccache=str(place / "ccache"))
        compiler = place / "bin" / self.recipe.compiler()
        gcc = subprocess.run(["which", compiler.name], capture_output=True, text=True, check=True).stdout.strip()
        compiler.write_text(LOGGING.format(log=self.log, gcc=gcc))
        compiler.chmod(0o755)
        monkeypatch.setenv("PATH", f"{compiler.parent}:/usr/bin:/bin")
        self.put("Makefile", MAKEFILE)
        self.put("c.c", '#include "value.h"\nint value = VALUE;\nconst char *at = __FILE__;\n')
        self.put("s.S", "#define WORD 1\n.word WORD\n")
        self.put("taken.S", '.section .rodata\n.incbin "blob"\n')
        self.put("include/value.h", "#define VALUE 1\n")
        self.put("blob", "the first")

    def put(self, name: str, text: str) -> None:
        (self.tree / name).write_text(text)

    def made(self, recipe: Recipe, name: str) -> tuple[dict[str, bytes], dict[str, int]]:
        """Build in a new directory; return the objects, and of each source how often the compiler read it."""
        objects = self.tree.with_name(name)
        objects.mkdir()
        self.log.write_text("")
        done = subprocess.run(
            recipe.make(self.tree, objects, "all"),
            env=recipe.environment(self.tree),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        runs = [line.split() for line in self.log.read_text().splitlines()]
        read = Counter(word.rpartition("/")[2] for words in runs for word in words if word.endswith((".c", ".S")))
        return {path.name: path.read_bytes() for path in objects.glob("*.o")}, read


@pytest.fixture
def building(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Building:
    return Building(tmp_path, monkeypatch)


def test_an_object_that_ccache_does_not_have_costs_one_run_of_the_compiler(building: Building) -> None:
    first, read = building.made(building.recipe, "one")
    assert (sorted(first), read) == (["c.o", "s.o", "taken.o"], {"c.c": 1, "s.S": 1, "taken.S": 1})
    # The same sources for other objects: what is written in assembler is always made.
    again, read = building.made(building.recipe, "two")
    assert (again, read) == (first, {"s.S": 1, "taken.S": 1})


def test_sources_in_another_place_are_found_in_the_cache(building: Building) -> None:
    first, _ = building.made(building.recipe, "one")
    (building.place / "elsewhere" / "tmp").mkdir(parents=True)
    building.tree = building.tree.rename(building.place / "elsewhere" / "tree")
    again, read = building.made(building.recipe, "two")
    assert (again, read["c.c"]) == (first, 0)


def test_what_is_taken_in_by_an_assembler_source_is_never_an_earlier_one(building: Building) -> None:
    building.made(building.recipe, "one")
    building.put("blob", "the second")
    assert b"the second" in building.made(building.recipe, "two")[0]["taken.o"]


def test_a_header_that_changed_makes_another_object(building: Building) -> None:
    first, _ = building.made(building.recipe, "one")
    building.put("include/value.h", "#define VALUE 2\n")
    second, _ = building.made(building.recipe, "two")
    building.put("include/value.h", "#define VALUE 1\n")
    again, read = building.made(building.recipe, "three")
    assert second["c.o"] != first["c.o"]
    assert (again, read["c.c"]) == (first, 0)


def test_with_and_without_ccache_the_objects_are_the_same(building: Building) -> None:
    cached, _ = building.made(building.recipe, "one")
    alone, read = building.made(building.recipe.from_nothing(building.place / "two", alone=True), "two")
    assert (alone, read) == (cached, {"c.c": 1, "s.S": 1, "taken.S": 1})


@pytest.mark.parametrize("debug", ["-g", "-g -gz=none -gdwarf-4"])
def test_with_debug_information_no_directory_comes_into_an_object(tmp_path: Path, debug: str) -> None:
    made = opening.recipe(samples.settings())
    seen: dict[str, set[bytes]] = {"c": set(), "S": set()}
    for place, objects, named in (("0", "objects", "{tree}"), ("0", "clean", "{tree}"), ("1", "objects", "../tree")):
        tree, into = tmp_path / place / "tree", tmp_path / place / objects
        tree.mkdir(parents=True, exist_ok=True)
        into.mkdir()
        (tree / "c.c").write_text("int value(int a) { return step(a); }\n")
        (tree / "taken.c").write_text("static inline int step(int a) { return a + 1; }\n")
        (tree / "S.S").write_text("nop\n")
        flags = dict(word.split("=", 1) for word in made.make(tree, into) if word.startswith(("KCFLAGS", "KAFLAGS")))
        for name, known in (("c.c", "KCFLAGS"), ("S.S", "KAFLAGS")):
            source = f"{named.format(tree=tree)}/{name}"
            # As the vDSO's source is compiled.
            taken = ["-include", f"{named.format(tree=tree)}/taken.c"] if name == "c.c" else []
            words = [*flags[known].split(), *debug.split(), *taken]
            subprocess.run([made.compiler(), *words, "-c", "-o", f"{name[0]}.o", source], cwd=into, check=True)
            seen[name[0]].add((into / f"{name[0]}.o").read_bytes())
    assert [len(objects) for objects in seen.values()] == [1, 1]


def test_a_lost_option_and_a_compiler_behind_a_link_make_another_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = replace(samples.settings(), fragment="CONFIG_TTY=y\n")
    required = replace(wanted, fragment="CONFIG_TTY=y  # required: me\n")
    assert opening.recipe(wanted).identity() != opening.recipe(required).identity()
    made = opening.recipe(wanted)
    compiler = tmp_path / made.compiler()
    # As ccache's directory of links has it: the same file, whichever compiler is behind.
    compiler.write_text(f'#!/bin/sh\nread -r version < {tmp_path}/version\necho "gcc $version"\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    told = []
    for version in ("12.2.0", "13.1.0", "12.2.0"):
        (tmp_path / "version").write_text(f"{version}\n")
        told.append(made.identity())
    assert told[0] == told[2] != told[1]


def test_programs_that_are_not_there_make_one_recipe_wherever_bisector_is_called(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A compiler that knows no cc1, as clang, and none of the other programs.
    compiler = tmp_path / opening.recipe(samples.settings()).compiler()
    compiler.write_text("#!/bin/sh\necho cc1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    told = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        told.append(opening.recipe(samples.settings()).identity())
    assert told[0] == told[1]


def test_a_plan_without_a_compiler_has_an_identity_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert opening.recipe(samples.settings()).identity()["compilers"] == ["", ""]


def test_what_ccache_does_with_an_assembler_source_is_asked_of_ccache(tmp_path: Path) -> None:
    gcc = opening.recipe(samples.settings()).compiler()
    assert taking.seen(tmp_path, gcc, NEVER_CACHED)
    assert taking.seen(tmp_path, "clang", "--target=aarch64-linux-gnu", NEVER_CACHED)
    # It could say no: of itself ccache does not see it.
    assert not taking.seen(tmp_path, gcc)
    assert not taking.seen(tmp_path, "no-such-compiler", NEVER_CACHED)
    assert list(tmp_path.iterdir()) == []


def test_whoever_kills_us_while_ccache_is_asked_leaves_nothing_where_nobody_looks(tmp_path: Path) -> None:
    elsewhere, cache = tmp_path / "tmp", tmp_path / "cache"
    elsewhere.mkdir()
    waits = tmp_path / "waits"
    waits.write_text(f"#!/bin/sh\necho > {tmp_path / 'called'}\nexec sleep 600\n")
    waits.chmod(0o755)
    words = (
        "import sys, pathlib; from bisector.reuse import taking; taking.seen(pathlib.Path(sys.argv[1]), sys.argv[2])"
    )
    asking = subprocess.Popen(
        [sys.executable, "-c", words, str(cache), str(waits)], env=os.environ | {"TMPDIR": str(elsewhere)}
    )
    while not (tmp_path / "called").exists():
        assert asking.poll() is None
        time.sleep(0.02)
    asking.kill()
    asking.wait()
    assert list(elsewhere.iterdir()) == []
    assert list(cache.iterdir()) != []
    taking.seen(cache, "no-such-compiler")
    assert list(cache.iterdir()) == []


def test_a_plan_and_a_session_ask_ccache_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    recipe = replace(opening.recipe(replace(samples.settings(), fragment=opening.fragment())), ccache=str(tmp_path))
    assert opening.tried(recipe) == recipe
    monkeypatch.setattr(taking, "seen", lambda *_: False)
    assert opening.tried(recipe).identity() != recipe.identity()
    assert opening.tried(replace(recipe, ccache=None)) == replace(recipe, ccache=None)


def test_with_a_person_s_options_what_a_c_source_takes_in_is_seen(building: Building) -> None:
    recipe = opening.recipe(
        replace(samples.settings(), fragment=f"{opening.fragment()}CONFIG_IKCONFIG=y  # wanted: me")
    )
    assert not recipe.plain
    recipe = replace(recipe, ccache=building.recipe.ccache)
    building.put("c.c", 'asm(".incbin \\"blob\\"");\n')
    assert building.made(recipe, "one")[1]["c.c"] == 2
    building.put("blob", "the second")
    assert b"the second" in building.made(recipe, "two")[0]["c.o"]


def test_with_a_person_s_options_no_directory_comes_into_an_object(building: Building) -> None:
    recipe = replace(building.recipe, plain=False)
    building.put("c.c", "int shifted(int a, int b)\n{\n\treturn a << b;\n}\n")
    building.put("Makefile", MAKEFILE.replace("$(KCFLAGS)", "$(KCFLAGS) -fsanitize=shift"))
    for at, name in ((recipe, "one"), (recipe.from_nothing(building.place / "two", alone=False), "two")):
        assert str(building.place).encode() not in building.made(at, name)[0]["c.o"]
