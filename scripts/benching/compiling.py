"""What does a kernel from nothing spend its CPU time on? By program, and of the compiler's by directory."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benching.clean import built
from benching.linux import linux
from bisector import opening
from bisector.recipe import Recipe

# What gcc starts for it is started by this: a line with the milliseconds of CPU time, the program and the source. If
# READING is set, the compiler reads each source once more before, and makes nothing of it.
MEASURING = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/wait.h>

static int measured(char **argv, const char *name, const char *source)
{
	struct rusage used;
	int status;
	pid_t child = fork();

	if (!child) {
		execvp(argv[0], argv);
		_exit(127);
	}
	if (child < 0 || wait4(child, &status, 0, &used) < 0)
		return 126;
	FILE *log = fopen(getenv("MEASURED"), "a");

	if (!log)
		return 126;
	fprintf(log, "%ld %s %s\n", (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
		(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000, name, source);
	fclose(log);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[1], '/'), *source = "-";

	name = name ? name + 1 : argv[1];
	for (int i = 2; i < argc; i++) {
		const char *end = strrchr(argv[i], '.');

		if (argv[i][0] == '/' && end && (!strcmp(end, ".c") || !strcmp(end, ".S")))
			source = argv[i];
	}
	if (getenv("READING") && !strcmp(name, "cc1") && strcmp(source, "-")) {
		char *reading[argc + 1];

		memcpy(reading, argv + 1, (argc - 1) * sizeof(*argv));
		reading[argc - 1] = "-fsyntax-only";
		reading[argc] = NULL;
		measured(reading, "reading", source);
	}
	return measured(argv + 1, name, source);
}
"""
READING = "reading"
# So many directories have a row of their own.
DIRECTORIES = 16


class _Measured(Recipe):
    """The same kernels; what compiles them is measured."""

    __slots__ = ()

    def make(self, tree: Path, objects: Path, *targets: str) -> list[str]:
        words = super().make(tree, objects, *targets)
        return [f"{word} -wrapper {objects.parent / 'measuring'}" if "FLAGS=" in word else word for word in words]

    def environment(self, tree: Path) -> dict[str, str]:
        return super().environment(tree) | {"MEASURED": str(tree.parent / "measured")}


class _Twice(_Measured):
    """Each source is read once more, by itself."""

    __slots__ = ()

    def environment(self, tree: Path) -> dict[str, str]:
        return super().environment(tree) | {"READING": "y"}


def measured(recipe: Recipe, place: Path, reading: bool = False) -> tuple[Recipe, Path]:
    """Return the recipe whose compiler is measured, and where what it spent is logged; objects go into `place`."""
    subprocess.run(
        ["gcc", "-O2", "-x", "c", "-", "-o", str(place / "measuring")], input=MEASURING, text=True, check=True
    )
    made = _Twice if reading else _Measured
    return made(**{name: getattr(recipe, name) for name in Recipe.__slots__}), place / "measured"


def read(log: Path) -> Iterator[tuple[float, str, str]]:
    """Yield CPU seconds, the program and the source's path."""
    for line in log.read_text().splitlines():
        milliseconds, program, path = line.split(" ", 2)
        yield int(milliseconds) / 1000, program, path


def rows() -> list[str]:
    """Return a row for each program, and for the directories whose sources take longest."""
    with linux() as source:
        tree, objects = source.place / "tree", source.place / "objects"
        source.worktree(tree)
        usual = replace(opening.recipe(source.chosen), ccache=str(source.place / "none"), anew=True)
        recipe, log = measured(usual, source.place, reading=True)
        whole, count = built(recipe, tree, objects)
        programs: dict[str, float] = defaultdict(float)
        directories: dict[str, float] = defaultdict(float)
        for seconds, program, path in read(log):
            programs[program] += seconds
            if program == "cc1":
                directories[_directory(path, tree)] += seconds
    reading = programs.pop(READING)
    whole -= reading
    programs["make, shells, fixdep, ld, host programs"] = whole - sum(programs.values())
    most = sorted(directories, key=lambda name: -directories[name])[:DIRECTORIES]
    rows = [_row(f"of a kernel from nothing, {count} objects: {name}", programs[name], whole) for name in programs]
    rows.append(_row("of the compiler's: reading sources and headers (`-fsyntax-only`)", reading, whole))
    return [*rows, *(_row(f"of the compiler's: {name}", directories[name], whole) for name in most)]


def _directory(path: str, tree: Path) -> str:
    """Return the source's directory, two levels deep at most."""
    parts = path.removeprefix(f"{tree}/").split("/")[:-1]
    return "/".join(parts[:2]) or "."


def _row(what: str, seconds: float, whole: float) -> str:
    return f"| {what} | {seconds:.1f} s | {whole:.1f} s in all | {100 * seconds / whole:.1f} % |"
