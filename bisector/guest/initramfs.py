"""What does the guest find in its root? The probe as /init, and this boot's nonce, as an uncompressed cpio.

The archive is written here and not by cpio(1): that would need a staging directory with the right owner
and modes for each boot, and the format is thirteen numbers. Format: the kernel's own
Documentation/driver-api/early-userspace/buffer-format.rst ("newc").
"""

from __future__ import annotations

import secrets

NONCE_FILE = "bisector.nonce"
_DIRECTORY, _PROGRAM, _FILE = 0o040755, 0o100755, 0o100600


def nonce() -> str:
    """Return 16 fresh hex digits: what the kernel under test cannot know beforehand."""
    return secrets.token_hex(8)


def archive(probe: bytes, boot_nonce: str) -> bytes:
    """Return the initramfs of one boot."""
    entries = (
        # The nonce comes first, where the mini kernel of the tests finds it without reading the probe.
        (NONCE_FILE, _FILE, f"{boot_nonce}\n".encode()),
        ("dev", _DIRECTORY, b""),
        ("proc", _DIRECTORY, b""),
        ("sys", _DIRECTORY, b""),
        ("init", _PROGRAM, probe),
        ("TRAILER!!!", 0, b""),
    )
    return b"".join(_entry(inode, *entry) for inode, entry in enumerate(entries, 1))


def _entry(inode: int, name: str, mode: int, content: bytes) -> bytes:
    #         ino    mode  uid gid nlink mtime size      dev, rdev   name's size    check
    numbers = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
    header = b"070701" + b"".join(b"%08x" % number for number in numbers) + name.encode() + b"\0"
    return _padded(header) + _padded(content)


def _padded(block: bytes) -> bytes:
    return block + b"\0" * (-len(block) % 4)
