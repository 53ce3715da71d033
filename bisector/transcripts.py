"""What did a boot say? A transcript's text is in its log: which part of it, and that part read again."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from bisector.host import files
from bisector.model import Heard, Transcript

# A log holds what was said until the boot was given up, which --output-limit bounds, and three tries at most.
LOG_BYTES = 1 << 30


class Changed(ValueError):
    """What the log holds is not what was said."""


def kept(transcript: Transcript, log: Path, begins: int) -> Transcript:
    """Return the transcript with where its text is kept: in the log, as its console wrote it, from that byte on."""
    said = transcript.text.encode(errors="backslashreplace")
    heard = Heard(
        transcript.ending,
        transcript.nonce,
        log.name,
        begins,
        len(said),
        hashlib.sha256(said).hexdigest(),
        transcript.places,
    )
    return replace(transcript, heard=heard)


def with_early(transcript: Transcript, early: Transcript) -> Transcript:
    """Return the transcript with what a second boot with an early console said."""
    heard = transcript.heard and replace(transcript.heard, early=early.heard)
    return replace(transcript, early=early.text, heard=heard)


def again(heard: Heard, logs: Path) -> Transcript:
    """Return the transcript as it was, but for the host's times. Raises OSError and Changed.

    `logs`: the directory of the session's logs, wherever that is by now.
    """
    early = again(heard.early, logs).text if heard.early else ""
    return Transcript(_text(heard, logs), heard.ending, 0.0, None, heard.nonce, None, heard.places, early, heard)


def _text(heard: Heard, logs: Path) -> str:
    # A journal may come from somebody else: a name, and no way out of the directory.
    if Path(heard.log).name != heard.log or heard.begins < 0 or heard.size < 0:
        raise Changed(f"{heard.log!r} is no log of the session")
    said = files.read(logs / heard.log, LOG_BYTES)[heard.begins : heard.begins + heard.size]
    if hashlib.sha256(said).hexdigest() != heard.digest:
        raise Changed(f"{heard.log} is not as it was")
    return said.decode(errors="backslashreplace")
