"""Which options stand in a person's TOML file? Keys are the long options' names, for all commands alike."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from bisector.errors import UserError
from bisector.host import files


def read(
    path: Path, known: Mapping[str, str], *, several: Collection[str] = (), switches: Collection[str] = ()
) -> dict[str, Any]:
    """Return the file's options by parameter. Raises UserError for what is none.

    `known`: the long options' names without dashes in front, and the parameter that each one sets; `several`: the
    parameters that take a list; `switches`: those that are true or false. All other values are given back as the
    words that the command line would have, so that they are checked there.
    """
    options = toml(path, "--config names a TOML file", "write option = value, one a line")
    found: dict[str, Any] = {}
    for key, value in options.items():
        if key not in known:
            raise UserError(f"{path}: no option {key!r}", f"known: {', '.join(sorted(known))}")
        name = known[key]
        if name in switches:
            found[name] = _switch(path, key, value)
        elif name in several:
            words = value if isinstance(value, list) else [value]
            found[name] = [_word(path, key, word) for word in words]
        else:
            found[name] = _word(path, key, value)
    return found


def toml(path: Path, names: str, shape: str) -> dict[str, Any]:
    """Return what stands in a TOML file. Raises UserError with these hints: what names it, and how it is written."""
    try:
        # A byte order mark is how some editors say UTF-8.
        return tomllib.loads(files.read(path).decode("utf-8-sig"))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}", names) from error
    except (ValueError, RecursionError) as error:
        # ValueError: no TOML, no UTF-8, or a number of thousands of digits.
        raise UserError(f"{path} is not TOML: {error}", shape) from error


def _switch(path: Path, key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise UserError(f"{path}: {key} is a switch", f"write {key} = true or {key} = false")
    return value


def _word(path: Path, key: str, value: object) -> str:
    # bool is an int to Python, and no option's text.
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UserError(f"{path}: {key} is no text or number", f'write {key} = "text" or {key} = 1')
    if isinstance(value, str) and "\0" in value:
        raise UserError(f"{path}: {key} has a NUL in it", "no option's text can hold one")
    return str(value)
