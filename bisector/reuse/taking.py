"""Does ccache, where it goes by dependency files, see what an assembler source takes in? It is asked to show it.

No dependency file names what `.incbin` takes in, and the vDSO comes into a kernel by one. What ccache does with such
a source hangs on its version, so no version is trusted.
"""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path

from bisector.host import disk, process

_SOURCE, _BLOB = '.section .rodata\n.incbin "blob"\n', "taken in: {}\n"
# A killed ccache's and compiler's files too go with the directory.
_OURS = ("HOME", "TMPDIR")
# Seconds that two files of one line have.
_PATIENCE = 60.0


@functools.cache
def seen(cache: Path, compiler: str, *flags: str) -> bool:
    """Tell whether an object made with these flags is never an earlier one's that took in something else.

    It is tried in a directory of its own in `cache`. Raises HostError if that cannot be written.
    """
    with disk.scratch(cache) as place, disk.writing(place):
        source, blob, made = place / "taken.S", place / "blob", place / "taken.o"
        source.write_text(_SOURCE)
        # ccache keeps nothing of a source that was written just now.
        os.utime(source, (source.stat().st_mtime - 3600,) * 2)
        argv = [
            "ccache",
            compiler,
            *flags,
            f"-Wp,-MMD,{made}.d",
            "-D__ASSEMBLY__",
            "-c",
            "-o",
            made.name,
            source.name,
        ]
        environ = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"} | dict.fromkeys(_OURS, str(place))
        environ |= {"CCACHE_DIR": f"{place}/ccache", "CCACHE_DEPEND": "1"}
        for word in ("first", "second"):
            blob.write_text(_BLOB.format(word))
            made.unlink(missing_ok=True)
            try:
                subprocess.run(
                    process.bound_to_us(argv),
                    cwd=place,
                    env=environ,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=_PATIENCE,
                    check=True,
                )
                if _BLOB.format(word).encode() not in made.read_bytes():
                    return False
            except (OSError, subprocess.SubprocessError):
                return False
    return True
