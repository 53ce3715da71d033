"""Does this commit make a kernel? Commit and kconfig fragments -> Kernel or BrokenBuild.

The configuration is made afresh at every commit: a .config that once lost an option keeps it off at every
later commit, without a word. Build user, host, time and version are fixed, so that the same source gives
the same image, bit for bit.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from bisector import buildlog, kconfig, target, trust
from bisector import keep as keeping
from bisector.errors import HostError, UserError
from bisector.host import disk, elf, sandbox
from bisector.model import BrokenBuild, Commit, Kernel
from bisector.recipe import CACHE, Recipe
from bisector.reuse import configs, parts

# Seconds: a clean build of the tiny kernel takes 3 to 6 minutes on two cores; defconfig's hours are not ours.
CONFIG_SECONDS, BUILD_SECONDS = 600.0, 4 * 3600.0
# What stands in the reason of a build without an image, and behind the name of an option that was lost.
LACKING, VANISHED = "make succeeded, but there is no ", " vanished (needed: "
# One object, as kbuild says it: "  CC      kernel/fork.o".
_OBJECT = re.compile(r"\s{2}(?:CC|AS|LD|AR|HOSTCC|OBJCOPY)\s+(?:\[M\]\s+)?\S+")


def fresh_config(
    recipe: Recipe, commit: Commit, tree: Path, objects: Path, log: Path, *, again: bool
) -> str | BrokenBuild:
    """Make `.config` afresh; return its text, or why there is none. Raises HostError.

    `again`: from tinyconfig's result, if the last call for this commit came so far. Two of three runs of Kconfig are
    for that, and a compiler that was killed meanwhile changes nothing in it that lasts: what can be off is off with
    and without it, and what cannot is asked for anew.
    An equal .config keeps its time stamp: kbuild would otherwise read every Kconfig file once more.
    """
    config, tiny = objects / ".config", objects.with_name(configs.TINY)
    if sandbox.odd(objects, config.name, target.READ[config.name]):
        disk.remove(config)
    before = (config.read_bytes(), config.stat()) if config.exists() else None

    def made(goal: str) -> BrokenBuild | None:
        failed = target.made(recipe, commit, tree, objects, log, goal, CONFIG_SECONDS)
        return failed if failed is not None or config.exists() else target.broken(commit, log, tree)

    if again and tiny.exists():
        shutil.copyfile(tiny, config)
    else:
        disk.remove(tiny)
        if (failed := made("tinyconfig")) is not None:
            return failed
        shutil.copyfile(config, tiny)
    with config.open("a") as stream:
        stream.writelines(f"{option}\n" for option in recipe.options)
    if (failed := made("olddefconfig")) is not None:
        return failed
    text = config.read_bytes()
    if before is not None and before[0] == text:
        os.utime(config, ns=(before[1].st_atime_ns, before[1].st_mtime_ns))
    return text.decode(errors="backslashreplace")


def kernel(
    recipe: Recipe,
    commit: Commit,
    *,
    tree: Path,
    objects: Path,
    into: Path,
    log: Path,
    on_object: Callable[[int], None],
    clean: bool = False,
    like: Kernel | None = None,
    alone: bool = True,
) -> Kernel | BrokenBuild:
    """Build the commit that is checked out in `tree`; keep image, System.map and .config below `into`.

    A failure is the commit's only if it happens twice, with the same reason. `on_object` is told how many objects
    were made so far; `clean` says that `objects` was empty, and is noted with the kernel; `alone`: without ccache.
    `like`: a kernel that is kept, whose configuration this commit has too. Raises HostError if our machine failed.
    """
    log.unlink(missing_ok=True)
    begin = since = 0
    if clean:
        recipe = recipe.from_nothing(objects, alone=alone)

    def attempt(recipe: Recipe, *, whole: bool = True, again: bool = False) -> BrokenBuild | None:
        nonlocal like, begin, since
        if (cache := recipe.cache()) is not None:
            # Somebody who empties his cache directory takes it away from the sandbox's words.
            with disk.writing(cache):
                cache.mkdir(parents=True, exist_ok=True)
        begin, began = log.stat().st_size if log.exists() else 0, time.time()
        with trust.building(objects) as since:
            failed = None
            if like is None or not configs.put_back(like, objects, log):
                like, failed = None, _configured(recipe, commit, tree, objects, log, again=again)
            if failed is None and whole:
                failed = _compiled(recipe, commit, tree, objects, log, on_object)
        if failed is None:
            _require_no_skew(objects, tree, log, begin)
        if failed is not None and failed.because.startswith((target.EXCESS, LACKING)):
            # make was killed in the middle of its work, and what it wrote may be the excess; or it saw nothing to do.
            trust.begin_anew(objects)
        if failed is not None and failed.because.startswith(target.EXCESS) and cache is not None:
            trust.without_later(cache, began)
        return failed

    failed, before = attempt(recipe), None
    if failed is not None and like is not None:
        # With a configuration of its own, and with one job as below: what fails so for the same reason failed twice.
        like, before = None, failed
        failed = attempt(_again(recipe, failed, objects))
    if failed is not None and failed != before:
        once_more = functools.partial(attempt, _again(recipe, failed, objects), again=True)
        failed = _settled(failed, once_more, objects, log)
    # Of `_again`: of no use to the next build, and counted there.
    disk.remove(objects / CACHE)
    if failed is None:
        return _kept(recipe, commit, tree, objects, into, clean, like)
    at = buildlog.not_made(target.lines(log, begin))
    return keeping.broken(
        failed, log.with_suffix(".parts.json"), parts.of_failed(tree, objects, at, since) if at else None
    )


def _again(recipe: Recipe, failed: BrokenBuild, objects: Path) -> Recipe:
    """Return the recipe with one job; where too much was written without the cache that others fill meanwhile."""
    one = recipe.with_jobs(1)
    if recipe.cache() is None or not failed.because.startswith(target.FLOODED):
        return one
    return one.from_nothing(objects, alone=recipe.plain)


def _settled(
    first: BrokenBuild, again: Callable[..., BrokenBuild | None], objects: Path, log: Path
) -> BrokenBuild | None:
    """Return why the commit makes no kernel, or None if it made one with fewer jobs where these broke a bound.

    Of two files that fail, many jobs and one job may complain about another one first: a third attempt settles it.
    A lost option is looked for once more, and nothing is compiled. Raises HostError if the attempts disagree.
    """
    second = again(whole=VANISHED not in first.because)
    if second == first or (second is None and first.because.startswith(target.EXCESS)):
        return second
    if second is not None and second == (third := again()):
        return third
    trust.emptied(objects)
    said = "nothing" if second is None else second.because
    raise HostError(f"make failed ({first.because}), and with one job it said: {said}", f"see {log}", transient=True)


def _configured(
    recipe: Recipe, commit: Commit, tree: Path, objects: Path, log: Path, *, again: bool
) -> BrokenBuild | None:
    """Configure; return why that failed, or which option was lost.

    Kconfig asks the compiler for what it can, and hears nothing of one that was killed: an option is then off.
    """
    config = fresh_config(recipe, commit, tree, objects, log, again=again)
    if isinstance(config, BrokenBuild):
        return config
    if chance := kconfig.by_chance(config):
        raise UserError(
            f"with {chance} no two builds of {commit.short} are alike, so none could be certified",
            "switch it off in the --fragment, or give it a key of yours",
        )
    gone = kconfig.lost(recipe.options, config)
    return BrokenBuild(commit.id, f"{gone.name}{VANISHED}{gone.who})") if gone is not None else None


def _compiled(
    recipe: Recipe, commit: Commit, tree: Path, objects: Path, log: Path, on_object: Callable[[int], None]
) -> BrokenBuild | None:
    """Make the image; return why that failed."""
    made = 0

    def count(line: str) -> None:
        nonlocal made
        if _OBJECT.match(line):
            made += 1
            on_object(made)

    failed = target.made(recipe, commit, tree, objects, log, recipe.architecture.image, BUILD_SECONDS, count)
    if failed is not None:
        return failed
    image, vmlinux = objects / recipe.architecture.image_path, objects / "vmlinux"
    if not image.exists():
        return BrokenBuild(commit.id, f"{LACKING}{recipe.architecture.image_path}")
    if not vmlinux.exists() or elf.build_id(vmlinux) is None:
        return BrokenBuild(commit.id, f"{LACKING}build id in vmlinux")
    return None


def _require_no_skew(objects: Path, tree: Path, log: Path, begin: int) -> None:
    if buildlog.skewed(target.lines(log, begin)):
        trust.emptied(objects)
        trust.set_back(tree)
        raise HostError(
            "make found files that are newer than this machine's clock",
            "the objects were thrown away; set the clock, then resume",
            transient=True,
        )


def _kept(
    recipe: Recipe, commit: Commit, tree: Path, objects: Path, into: Path, clean: bool, like: Kernel | None
) -> Kernel:
    """Copy what make left to the session: the next build overwrites it."""
    image, build_id = objects / recipe.architecture.image_path, elf.build_id(objects / "vmlinux")
    assert build_id is not None
    kernel = Kernel(
        commit=commit.id,
        image=str(into / image.name),
        system_map=str(into / "System.map"),
        build_id=build_id,
        config=str(into / "config"),
        compiler=recipe.compiler(),
        configured=(keeping.inferred(like) or like.commit) if like else "",
    )
    made = (image, objects / "System.map", objects / ".config", objects.with_name(configs.TINY))
    kept = [one for one in made if one.exists()]
    return keeping.keep(kernel, kept, clean=clean, parts=parts.of(tree, objects))
