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

# Characters of a console that are kept: what is longer is booted again. Bytes of the file, as JSON may write it.
TEXT, BYTES = 1 << 20, 8 << 20


@dataclass(frozen=True, slots=True)
class Said:
    """A boot. `of`: the session and the commit whose it was. `reads`: its outcomes. `spans`: None if it was given up.

    `unsteady`: another boot of the image read otherwise.
    """

    of: str
    nonce: str
    text: str
    digest: str
    spans: Spans | None
    reads: Mapping[str, str]
    unsteady: bool = False

    def fits(self, limits: Limits) -> bool:
        """Tell whether no boot with these limits would have given it up."""
        if self.spans is None:
            return False
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

    Raises HostError. Of one that was given up, or whose console is of no measure, only what it read is kept: no other
    boot is spared for it, and one that reads otherwise tells that this image is not steady.
    """
    reads = {one.scenario: str(one.outcome) for one in shown.readings}
    if (before := kept(entry, machine)) is not None:
        if before.reads != reads and not before.unsteady:
            disk.write(_path(entry, machine), msgspec.json.encode(replace(before, unsteady=True)))
        return
    ended = transcript.spans is not None and transcript.ending is Ending.POWERED_OFF
    whole = ended and len(transcript.text) <= TEXT
    text, spans = (transcript.text, transcript.spans) if whole else ("", None)
    digest = hashlib.sha256(text.encode()).hexdigest()
    said = Said(of, transcript.nonce, text, digest, spans, reads)
    disk.write(_path(entry, machine), msgspec.json.encode(said))


def _path(entry: Path, machine: str) -> Path:
    return entry / f"boot-{machine}.json"
