"""What did this image say when it was booted? One boot's console, kept beside its kernel in the store.

The same image, bit for bit, in the same virtual machine under the same probe: a step of a search in which one boot
decides takes what another session's boot said, and reads it under its own rules. Where boots of one image have read
now so, now so, each boot counts, and none of them is taken for another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import msgspec

from bisector.host import disk, files
from bisector.model import Ending, Heard, Limits, Observation, Spans, Transcript

# Of a console's text, in JSON: what is longer is booted again.
BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Said:
    """A boot that its guest ended itself. `of`: the session and the commit whose it was. `reads`: its outcomes.

    `unsteady`: another boot of the image read otherwise.
    """

    of: str
    nonce: str
    text: str
    digest: str
    spans: Spans
    reads: Mapping[str, str]
    unsteady: bool = False

    def fits(self, limits: Limits) -> bool:
        """Tell whether no boot with these limits would have given it up."""
        needed, given = astuple(self.spans), astuple(limits)
        return all(need is not None and need <= most for need, most in zip(needed, given, strict=False))

    def transcript(self, log: Path) -> Transcript:
        """Return it as a boot whose console is kept in `log`, and write that. Raises HostError."""
        told = f"[bisector: not booted: this is the boot of {self.of}, of the same image]\n".encode()
        said = self.text.encode()
        with disk.writing(log):
            log.write_bytes(told + said)
        heard = Heard(Ending.POWERED_OFF, self.nonce, log.name, len(told), len(said), self.digest)
        return Transcript(self.text, Ending.POWERED_OFF, 0.0, None, self.nonce, None, heard=heard)


def kept(entry: Path, machine: str) -> Said | None:
    """Return the boot that is kept of the kernel in `entry` on that machine; None if there is none that is whole."""
    try:
        said = msgspec.json.decode(files.read(_path(entry, machine), BYTES), type=Said)
    except (OSError, msgspec.DecodeError, RecursionError):
        return None
    return said if hashlib.sha256(said.text.encode()).hexdigest() == said.digest else None


def keep(entry: Path, machine: str, of: str, transcript: Transcript, shown: Observation) -> None:
    """Keep a boot of the kernel in `entry`, or note that it reads otherwise than the one that is kept.

    Raises HostError. One that was given up, or whose console is of no measure, is not kept.
    """
    if transcript.spans is None or transcript.ending is not Ending.POWERED_OFF:
        return
    reads = {one.scenario: str(one.outcome) for one in shown.readings}
    if (before := kept(entry, machine)) is not None:
        if before.reads != reads and not before.unsteady:
            disk.write(_path(entry, machine), msgspec.json.encode(replace(before, unsteady=True)))
        return
    digest = hashlib.sha256(transcript.text.encode()).hexdigest()
    encoded = msgspec.json.encode(Said(of, transcript.nonce, transcript.text, digest, transcript.spans, reads))
    if len(encoded) <= BYTES:
        disk.write(_path(entry, machine), encoded)


def _path(entry: Path, machine: str) -> Path:
    return entry / f"boot-{machine}.json"
