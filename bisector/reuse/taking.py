"""Does ccache, where it goes by dependency files, see what an assembler source takes in? It is asked to show it.

No dependency file names what `.incbin` takes in, and the vDSO comes into a kernel by one. What ccache does with such
a source hangs on its version, so no version is trusted.
"""

from __future__ import annotations

import functools
import os
import subprocess
import tempfile
from pathlib import Path

_SOURCE, _BLOB = '.section .rodata\n.incbin "blob"\n', "taken in: {}\n"
# Seconds that two files of one line have.
_PATIENCE = 60.0


@functools.cache
def seen(compiler: str, *flags: str) -> bool:
    """Tell whether an object made with these flags is never an earlier one's that took in something else."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
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
        environ = {"PATH": os.environ.get("PATH", os.defpath), "HOME": name, "LC_ALL": "C"}
        environ |= {"CCACHE_DIR": f"{name}/ccache", "CCACHE_DEPEND": "1"}
        for word in ("first", "second"):
            blob.write_text(_BLOB.format(word))
            made.unlink(missing_ok=True)
            try:
                subprocess.run(
                    argv, cwd=place, env=environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE,
                    check=True,
                )  # fmt: skip
                if _BLOB.format(word).encode() not in made.read_bytes():
                    return False
            except (OSError, subprocess.SubprocessError):
                return False
    return True
