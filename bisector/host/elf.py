"""Which build is this vmlinux? (the home of pyelftools)"""

from __future__ import annotations

from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection


def build_id(vmlinux: Path) -> str | None:
    """Return the GNU build id in lower-case hex, None if the file has none."""
    try:
        with vmlinux.open("rb") as stream:
            for section in ELFFile(stream).iter_sections():
                if isinstance(section, NoteSection):
                    for note in section.iter_notes():
                        if note["n_type"] == "NT_GNU_BUILD_ID":
                            return str(note["n_desc"])
    except OSError:
        raise
    except Exception:  # a stranger's file: whatever its reader stumbles over, there is no id in it
        return None
    return None
