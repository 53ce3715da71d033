"""What does virtme-ng (from PyPI) take to boot a kernel to the probe's last line? The same kernel, in turns.

It boots no kernel of ours: it hands the guest a directory of this machine over 9p on virtio. So a kernel with those
options is built for all three. The probe stands where virtme-ng's kernel command line names a shell: what it does in
the guest before it runs a command (mounts, udev, a login) is not counted, in its favour. That it is started for each
boot is, in ours: bisector boots from a process that runs already.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from benching.linux import linux
from benching.pairs import boots, spread
from bisector import api, boot, opening, probe
from bisector.guest import compile as guest
from bisector.guest import initramfs
from bisector.model import Ending, Kernel, Observation, Transcript

ROUNDS, SECONDS = 9, 120.0
OPTIONS = [
    "NET",
    "NETWORK_FILESYSTEMS",
    "NET_9P",
    "NET_9P_VIRTIO",
    "9P_FS",
    "VIRTIO_MENU",
    "VIRTIO_MMIO",
    "VIRTIO_CONSOLE",
    "DEVTMPFS",
    "DEVTMPFS_MOUNT",
]


def rows() -> list[str]:
    """Return a row: our boots to their verdict, virtme-ng's, and bare QEMU's."""
    fragment = [opening.fragment(), *(f"CONFIG_{option}=y  # required: virtme-ng's root" for option in OPTIONS), ""]
    with linux() as source:
        chosen = replace(source.chosen, fragment="\n".join(fragment))
        [step] = api.test(chosen, [source.history.old], state=source.place, warn=print)
        kernel = step.kernel
        if kernel is None:
            raise SystemExit(f"there is no kernel with 9p: {step.broken}")
        session = next(source.place.glob("tests/*/probe.cpio")).parent
        root = source.place / "root"
        _laid(root, guest.probe(opening.probe_compiler(chosen), opening.cache()))
        ours, bare, theirs = [], [], []
        for _ in range(ROUNDS):
            [mine], [alone] = boots(chosen, kernel, session, 1)
            ours.append(mine)
            bare.append(alone)
            theirs.append(_booted(opening.machine(chosen), kernel, root, step.observation))
    what = f"boot to verdict, a kernel with 9p and virtio ({ROUNDS} boots of each)"
    told = f"{spread(theirs)} s with virtme-ng {version('virtme-ng')}; {spread(bare)} s QEMU alone"
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    return [f"| {what} | {spread(ours)} s | {told} | × {spread(ratios)} of virtme-ng's |"]


def _laid(root: Path, program: bytes) -> None:
    """Make a root directory of the probe's own: it is what the kernel starts."""
    for name in ("bin", "dev", "proc", "sys"):
        (root / name).mkdir(parents=True)
    shell = root / "bin" / "sh"
    shell.write_bytes(program)
    shell.chmod(0o755)
    (root / initramfs.NONCE_FILE).write_text(f"{opening.BY_HAND}\n")


def _booted(machine: boot.Machine, kernel: Kernel, root: Path, usual: Observation | None) -> float:
    """Return the seconds of virtme-ng's boot to its end. The probe must have seen what it sees in ours."""
    words = [str(Path(sys.executable).with_name("virtme-run")), "--arch", "aarch64", "--mods", "none"]
    words += [
        "--kimg",
        kernel.image,
        "--root",
        str(root),
        "--force-9p",
        "--script-sh",
        "true",
        "--show-boot-console",
        "-a",
        "root=/dev/root",
    ]
    words += ["--cpus", str(machine.cpus), "--memory", f"{machine.memory_mib}M"]
    with tempfile.TemporaryFile() as console:
        began = time.monotonic()
        quiet = subprocess.DEVNULL
        subprocess.run(words, stdin=quiet, stdout=quiet, stderr=console, timeout=SECONDS, check=False)
        seconds = time.monotonic() - began
        console.seek(0)
        said = console.read().decode(errors="backslashreplace")
    seen = probe.read(Transcript(said, Ending.POWERED_OFF, seconds, None, opening.BY_HAND))
    if usual is None or _words(seen) != _words(usual):
        raise SystemExit(f"virtme-ng's boot shows {_words(seen)}:\n{said[-3000:]}")
    return seconds


def _words(seen: Observation) -> dict[str, str]:
    return {reading.scenario: reading.outcome.word for reading in seen.readings}
