"""What may be shown on a terminal? Commit texts and console bytes, with nothing left that acts. (pure)"""

from __future__ import annotations

import unicodedata

# Bidirectional controls and other invisible characters reorder or hide what a reader sees (Unicode's
# category Cf), C0/C1 controls drive the terminal (Cc), and line separators forge lines (Zl, Zp).
_ACTING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def line(text: str, width: int = 0) -> str:
    """Return the text as one line: whatever acts on a terminal shown as \\xNN or \\uNNNN, cut to `width`."""
    shown = "".join(_visible(character) for character in text)
    return shown if not width or len(shown) <= width else f"{shown[: width - 1]}…"


def _visible(character: str) -> str:
    if character == "\t":
        return " "
    if unicodedata.category(character) not in _ACTING:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def markdown(text: str, width: int = 0) -> str:
    """Return the text so that it is text in a Markdown cell too, and no markup."""
    shown = line(text, width)
    for character in "\\`*_{}[]<>#|!~":
        shown = shown.replace(character, f"\\{character}")
    return shown.replace("&", "&amp;")
