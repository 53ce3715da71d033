"""What may be shown on a terminal? Commit texts and console bytes, with nothing left that acts. (pure)"""

from __future__ import annotations

import re
import unicodedata

# Bidirectional controls and other invisible characters reorder or hide what a reader sees (Unicode's
# category Cf), C0/C1 controls drive the terminal (Cc), and line separators forge lines (Zl, Zp).
_ACTING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters and marks that are invisible all the same (Unicode's Default_Ignorable_Code_Point).
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
_BEYOND = re.compile(r"[^\x00-\x7e]")


def line(text: str) -> str:
    """Return the text as one line: whatever acts on a terminal shown as \\xNN or \\uNNNN."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def acts(character: str) -> bool:
    """Tell whether this character does something to a terminal or to how a line reads, or is nobody's."""
    return unicodedata.category(character) in _ACTING or _INVISIBLE.match(character) is not None


def json(text: str) -> str:
    """Return JSON text in which what acts stands as \\uNNNN: the same values, harmless on a terminal.

    Outside of strings JSON has none of these characters, so each one that is found stands in a string.
    """
    return text if text.isascii() and "\x7f" not in text else _BEYOND.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    if not acts(found[0]):
        return found[0]
    # Beyond the first plane JSON has pairs of surrogates.
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _visible(character: str) -> str:
    if character == "\t":
        return " "
    if not acts(character):
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def markdown(text: str) -> str:
    """Return the text so that it is text in a Markdown cell too, and no markup."""
    shown = line(text)
    for character in "\\`*_{}[]<>#|!~":
        shown = shown.replace(character, f"\\{character}")
    return shown.replace("&", "&amp;")
