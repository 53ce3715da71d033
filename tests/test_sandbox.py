"""Does a commit that means harm come out of the sandbox, and does the bisection around it still end right?"""

import dataclasses
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bisector.host import sandbox
from tests import hostile
from tests.conftest import LONG, ONCE, Bisector
from tests.minitree import Edits, MiniTree

ROOT = Path(__file__).parent.parent
NOBODY = 65534
# On the command line of what must not be left; another one in each process of the tests.
SECONDS = f"2718.{os.getpid()}"


def marked(mark: str) -> list[int]:
    """Return the live processes with this word on their command line."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in place.joinpath("cmdline").read_bytes().split(b"\0"):
                found.append(int(place.name))
        except OSError:
            pass
    return found


def gone(mark: str) -> bool:
    deadline = time.monotonic() + 10
    while marked(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not marked(mark)


def build_log(bisector: Bisector, commit: str) -> Path:
    [session] = bisector.sessions
    return session / "logs" / f"{commit[:12]}.build.log"


@pytest.fixture(params=[pytest.param("ourselves", marks=LONG), "unprivileged"])
def person(request: pytest.FixtureRequest, environ: dict[str, str]) -> Iterator[Bisector]:
    """Bisector with a home that has secrets, as the tests' user and as one without privileges."""
    place = Path(tempfile.mkdtemp(dir="/var/tmp"))  # not /tmp: there the sandbox has one of its own
    home, away = place / "home", place / "elsewhere"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id_ed25519").write_text("secret\n")
    away.mkdir()
    command = [sys.executable, "-m", "bisector"]
    if request.param == "unprivileged" and os.geteuid() == 0:
        for path in (place, *place.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        # The interpreter and this checkout may lie in root's home: put back what a user needs of it.
        shown = {Path(sys.base_prefix), ROOT, Path(sys.executable).resolve().parent.parent}
        binds: list[str | Path] = []
        for path in sorted(path for path in shown if path.is_relative_to("/root")):
            for parent in reversed(path.parents[:-2]):
                binds += ["--perms", "0755", "--dir", parent]
            binds += ["--ro-bind", path, path]
        user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        command = [
            "bwrap",
            "--dev-bind",
            "/",
            "/",
            "--tmpfs",
            "/root",
            *map(str, binds),
            "--chdir",
            str(away),
            *user,
            *command,
        ]
    env = {"PATH": environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", "SECRET": "of the caller"}
    yield Bisector(place / "state", env, away, command)
    shutil.rmtree(place)


def hand_over(tree: MiniTree, person: Bisector, to: int = NOBODY) -> None:
    """Make the repository the person's: git reads nobody else's."""
    if person.command[0] == "bwrap":
        subprocess.run(["chown", "-R", f"{to}:{to}", tree.path], check=True)


def history(person: Bisector, script: str, target: str = "") -> tuple[MiniTree, list[str], str]:
    """Make a history of nine commits: the eighth changes the outcome, the fifth means harm."""
    tree = MiniTree.create(person.state.parent / "linux")
    files = hostile.makefile(tree, script, target)
    honest: dict[str, str | None] = {"Makefile": tree.files(tree.base)["Makefile"]}
    # Where git looks first, and not beside the change.
    ids = tree.story(9, 7, edits={4: {"files": files}, 5: {"files": honest}})
    hand_over(tree, person)
    return tree, ids, ids[4]


def vsock_is_known() -> bool:
    try:
        socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("mode", ["require", "off"])
def test_what_a_makefile_tries_fails_in_the_sandbox_and_succeeds_without(person: Bisector, mode: str) -> None:
    keyctl, key = hostile.with_a_key()
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(f"\0{person.state}")
        abstract.listen()
        bystander = subprocess.Popen(["sleep", SECONDS], user=NOBODY if person.command[0] == "bwrap" else None)
        try:
            script = hostile.attempts(
                repo=person.state.parent / "linux", home=person.env["HOME"], elsewhere=person.cwd, state=person.state,
                seconds=SECONDS.replace(".", "[.]"), pid=bystander.pid, port=server.getsockname()[1],
                abstract=person.state, keyctl=keyctl, key=key,
            )  # fmt: skip
            tree, ids, evil = history(person, script)
            ran = person.start(tree.path, ids[0], ids[8], *ONCE, "--sandbox", mode)
        finally:
            bystander.kill()
            bystander.wait()
    assert (ran.code, ran.culprit) == (0, ids[7]), ran.err
    told = hostile.told(build_log(person, evil))
    came = "failed" if mode == "require" else "succeeded"
    assert set(told) == set(hostile._ATTEMPTS | hostile._CONTROLS)
    expected = dict.fromkeys(hostile._ATTEMPTS, came) | dict.fromkeys(hostile._CONTROLS, "succeeded")
    if not vsock_is_known():
        expected["open a virtual machine's socket"] = "failed"
    assert {name: seen for name, seen in told.items() if seen != {expected[name]}} == {}
    stolen = [*person.cwd.iterdir(), *person.state.glob("stolen"), *Path(person.env["HOME"]).glob("stolen")]
    assert bool(stolen) == (mode == "off")


def test_the_report_says_what_was_in_force(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(2, 1)
    for mode, said in (("auto", "no network"), ("off", "none: it was switched off")):
        bisector.start(tree.path, tree.base, ids[1], *ONCE, "--sandbox", mode)
        assert said in bisector("report").out
        assert ("in bubblewrap" in bisector("report").out) == (mode == "auto")


def test_a_kernel_is_the_same_bit_for_bit_in_the_sandbox_and_without(tree: MiniTree, bisector: Bisector) -> None:
    images = []
    for words in (("require",), ("off",), ("require", "--no-ccache"), ("off", "--no-ccache")):
        here = dataclasses.replace(bisector, state=bisector.state / "-".join(words))
        assert here("test", "--repo", tree.path, "--sandbox", *words, tree.base).code == 0
        [image] = here.state.glob("tests/*/kernels/*/Image")
        images.append(image.read_bytes())
    assert images[0]
    assert len(set(images)) == 1


# -- without end ---------------------------------------------------------------------------------------

# Each ends by itself some time, for the day on which the bound does not hold.
FORKS = f"i=0; while [ $i -lt 4000 ]; do sleep {SECONDS} & i=$((i+1)); done; wait"
EATS = "perl -e 'push @a, \"x\" x (1 << 20) for 1..1500; sleep 20'"
# At its start this is another directory's; the objects lie beside the sources.
FLOODS = (
    'for i in 1 2 3 4 5 6 7 8; do head -c 20000000 /dev/zero > "$1/../objects/flood$i"; sleep 0.2; done; sleep 20'
)


FLOOD = 'head -c 100M /dev/zero > "$1/../objects/flood"'
# As another session's builds may, which fill it at the same time.
CACHED = '[ -z "$CCACHE_DIR" ] || head -c 100M /dev/zero > "$CCACHE_DIR/flood"'
HIDDEN = (
    'perl -e \'open(F, ">", $n = "$ARGV[0]/../objects/hidden"); unlink $n; '
    'syswrite F, "x" x (1 << 20) for 1..100; sleep 20\' "$1"'
)
BOUNDS = ("--jobs", "1", "--build-memory", "0.25", "--build-disk", "0.05")
EXCESS = {
    FORKS: "its build started more than 544 processes",
    EATS: "its build took more than 0.25 GiB of memory",
    FLOODS: "its build wrote more than 0.05 GiB, or a million files",
    FLOOD: "its build wrote more than 0.05 GiB, or a million files",
    HIDDEN: "its build wrote more than 0.05 GiB, or a million files",
}


@pytest.mark.parametrize("mode", ["require", "off"])
def test_a_build_without_measure_is_the_commit_s_own_fault(person: Bisector, mode: str) -> None:
    tree, ids, _ = history(person, "")
    hand_over(tree, person, os.geteuid())
    scripts = (*EXCESS, CACHED)
    evil = [tree.commit("mini: evil", files=hostile.makefile(tree, script, "Image")) for script in scripts]
    hand_over(tree, person)
    ran = person("test", "--json", "--repo", tree.path, *BOUNDS, "--sandbox", mode, *evil, ids[8])
    assert ran.code == 0, ran.err
    [answer] = ran.lines
    *steps, cached, honest = answer["steps"]
    assert [step["because"] for step in steps] == list(EXCESS.values())
    # What came into ccache's directory is nobody's for sure: without ccache it does not count.
    assert cached["because"] == honest["because"] == "boot and probe complete"
    assert not [*person.state.glob("workspaces/*/*/objects/flood*"), *person.state.parent.rglob("flood*")]
    assert gone(SECONDS)


def test_a_bisection_goes_around_a_build_that_forks_without_end(person: Bisector) -> None:
    tree, ids, evil = history(person, FORKS, "Image")
    ran = person.start(tree.path, ids[0], ids[8], *ONCE, *BOUNDS, "--sandbox", "require")
    assert (ran.code, ran.culprit) == (0, ids[7]), ran.err
    assert ran.untestable == {evil: EXCESS[FORKS]}
    assert gone(SECONDS)


@pytest.mark.parametrize("mode", ["require", "off"])
def test_a_daemon_that_a_build_leaves_behind_is_ended(person: Bisector, mode: str) -> None:
    daemon = f"(setsid sh -c 'sleep {SECONDS} & sleep 0.01' > /dev/null 2>&1 &)"
    tree, _, evil = history(person, daemon, "Image")
    assert person("test", "--repo", tree.path, "--sandbox", mode, evil).code == 0
    assert gone(SECONDS)


# -- what it leaves ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "because"),
    [
        (".config", "make left .config, and .config is a link"),
        ("System.map", "make left System.map, and System.map is a link"),
        ("arch", "make left arch/arm64/boot/Image, and arch is a link"),
    ],
)
def test_a_link_that_a_build_leaves_is_not_followed(
    tree: MiniTree, bisector: Bisector, tmp_path: Path, left: str, because: str
) -> None:
    secret = tmp_path / "secret"
    (secret / "arm64" / "boot").mkdir(parents=True)
    (secret / "arm64" / "boot" / "Image").write_text("secret")
    rule = f"hostile: $(boot)/Image System.map\n\trm -rf {left}; ln -s {secret} {left}\nImage: hostile\n"
    makefile = tree.files(tree.base)["Makefile"].replace("\nclean:", f"\n{rule}clean:")
    evil = tree.commit("mini: a link", files={"Makefile": makefile})
    ran = bisector("test", "--repo", tree.path, "--sandbox", "require", evil)
    assert ran.code == 0
    assert because in ran.out
    assert not [path for path in bisector.state.rglob("*") if path.is_file() and path.read_bytes() == b"secret"]


def test_a_file_is_odd_if_it_is_a_link_a_pipe_too_long_or_lies_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("1234")
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "plain").write_text("1234")
    (tmp_path / "link").symlink_to("plain")
    (tmp_path / "away").symlink_to("inside")
    os.mkfifo(tmp_path / "pipe")
    for name in ("plain", "inside/plain", "none", "none/none"):
        assert sandbox.odd(tmp_path, name, 4) == ""
    for name in ("link", "away/plain", "pipe", "inside"):
        assert sandbox.odd(tmp_path, name, 4)
    assert sandbox.odd(tmp_path, "plain", 3)


SETTINGS = """
printf '%s\\n' '#!/bin/sh' 'exec "$@" -DUTS_RELEASE="\\"forged\\""' > "$CCACHE_DIR/wrap"
chmod +x "$CCACHE_DIR/wrap"
echo "prefix_command = $CCACHE_DIR/wrap" > "$CCACHE_DIR/ccache.conf"
"""
RESULTS = """
find "$CCACHE_DIR" -name '*R' > /tmp/all
while read -r one; do while read -r other; do
cmp -s "$one" "$other" || { cp -f "$one" "$other" && echo "hostile: overwrite an entry: succeeded" >&2; }
done < /tmp/all; break; done < /tmp/all
"""


@pytest.mark.parametrize("script", [SETTINGS, RESULTS], ids=["settings", "results"])
def test_a_poisoned_cache_does_not_certify_anything(
    tree: MiniTree, bisector: Bisector, tmp_path: Path, script: str
) -> None:
    honest: dict[str, str | None] = {"Makefile": tree.files(tree.base)["Makefile"]}
    edits = hostile.makefile(tree, script, "Image")
    # An end means harm, for these are built first: the old one for all others, the new one when there is something.
    spoiled: dict[int, Edits] = (
        {1: {"files": edits}, 2: {"files": honest}} if script == SETTINGS else {4: {"files": edits}}
    )
    ids = tree.story(5, 3, edits=spoiled)
    own = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    ran = bisector.start(tree.path, ids[1], ids[4], *ONCE, "--sandbox", "require", env=own)
    if script == SETTINGS:
        assert list(tmp_path.rglob("ccache.conf"))
        assert (ran.code, ran.culprit) == (0, ids[3]), ran.err
        # What certifies reads nobody's cache.
        log = build_log(bisector, ids[3]).read_text()
        assert "/clean " in log
        assert "CCACHE_DISABLE=1 " in log
    else:
        assert hostile.told(build_log(bisector, ids[4])) == {"overwrite an entry": {"succeeded"}}
    # It can make a step useless, and the answer wide or none, but not wrong.
    assert ran.code in (0, 10, 20), ran.err
    assert ran.culprit in (ids[3], None)


def test_a_cache_that_somebody_empties_meanwhile_breaks_no_build(
    tree: MiniTree, bisector: Bisector, tmp_path: Path
) -> None:
    ids, qemu = tree.story(4, 2), tmp_path / "bin" / "qemu-system-aarch64"
    qemu.parent.mkdir()
    qemu.write_text(f'#!/bin/sh\nrm -rf {tmp_path}/cache/bisector/ccache*\nexec {shutil.which(qemu.name)} "$@"\n')
    qemu.chmod(0o755)
    own = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": f"{qemu.parent}:{bisector.env['PATH']}"}
    ran = bisector.start(tree.path, tree.base, ids[3], *ONCE, "--sandbox", "require", env=own)
    assert (ran.code, ran.culprit) == (0, ids[2]), ran.err
    assert not ran.untestable
    assert "trying again" not in ran.err


# -- where it cannot be --------------------------------------------------------------------------------


@pytest.fixture
def without(tmp_path: Path) -> dict[str, str]:
    """An environment whose PATH has everything but bubblewrap."""
    place = tmp_path / "bin"
    place.mkdir()
    for entry in reversed(os.environ["PATH"].split(os.pathsep)):
        for program in Path(entry).iterdir() if Path(entry).is_dir() else ():
            if program.name != "bwrap":
                (place / program.name).unlink(missing_ok=True)
                (place / program.name).symlink_to(program)
    return {"PATH": str(place)}


def test_a_sandbox_that_must_be_and_cannot_be_is_refused(
    tree: MiniTree, bisector: Bisector, without: dict[str, str]
) -> None:
    ids = tree.story(2, 1)
    ran = bisector.start(tree.path, tree.base, ids[1], "--sandbox", "require", env=without)
    assert ran.code == 2
    assert "bwrap is not installed" in ran.err
    assert not bisector.sessions


def test_a_sandbox_that_cannot_be_is_done_without_and_that_is_said_once(
    tree: MiniTree, bisector: Bisector, without: dict[str, str]
) -> None:
    ids = tree.story(2, 1)
    ran = bisector.start(tree.path, tree.base, ids[1], *ONCE, env=without)
    assert (ran.code, ran.culprit) == (0, ids[1])
    assert ran.err.count("builds run without a sandbox: bwrap is not installed") == 1
    assert "none: bwrap is not installed" in bisector("report").out


def test_a_bubblewrap_that_does_not_work_here_says_why(
    tree: MiniTree, bisector: Bisector, without: dict[str, str]
) -> None:
    broken = Path(without["PATH"]) / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2; exit 1\n")
    broken.chmod(0o755)
    ran = bisector("test", "--repo", tree.path, "--sandbox", "require", tree.base, env=without)
    assert ran.code == 2
    assert "No permissions to create new namespace" in ran.err
    assert "No permissions to create new namespace" in bisector("doctor", env=without).out


def test_a_session_that_began_in_the_sandbox_does_not_go_on_without(
    tree: MiniTree, bisector: Bisector, without: dict[str, str]
) -> None:
    ids = tree.story(4, 1)
    running = bisector.spawn(
        "start", "--repo", tree.path, "--old", tree.base, "--new", ids[3], "--sandbox", "require"
    )
    deadline = time.monotonic() + 30
    while not (bisector.sessions and len(bisector.journal) > 1) and time.monotonic() < deadline:
        time.sleep(0.05)
    running.terminate()
    running.communicate()
    assert running.returncode == 130
    ran = bisector("resume", env=without)
    assert ran.code == 20
    assert "builds run in bubblewrap, and now bwrap is not installed" in ran.err
    assert bisector("resume").code == 0


def test_a_cross_compiler_in_the_home_directory_works_and_the_rest_of_the_home_stays_unseen(
    tree: MiniTree, bisector: Bisector, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    tools, secret = home / ".local" / "bin", home / ".local" / "share" / "secret"
    tools.mkdir(parents=True)
    secret.parent.mkdir()
    secret.write_text("secret")
    for name in ("gcc", "ld", "nm", "objcopy"):
        tool = tools / f"my-arm64-{name}"
        real = shutil.which(f"aarch64-linux-gnu-{name}")
        tool.write_text(f'#!/bin/sh\ntest -e {secret} && echo seen >&2\nexec {real} "$@"\n')
        tool.chmod(0o755)
    env = {"HOME": str(home), "PATH": f"{tools}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    words = ("test", "--repo", tree.path, "--cross-compile", "my-arm64-")
    for mode, seen in (("require", False), ("off", True)):
        here = dataclasses.replace(bisector, state=bisector.state / mode)
        ran = here(*words, "--sandbox", mode, tree.base, env=env)
        assert (ran.code, "makes no kernel" in ran.out) == (0, False), ran.out
        [log] = here.state.glob("tests/*/logs/*.build.log")
        assert ("seen" in log.read_text().splitlines()) == seen
