"""Which options stand in a person's TOML file? Keys are the long options' names, for all commands alike."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bisector.errors import UserError


def read(path: Path, known: Mapping[str, str]) -> dict[str, Any]:
    """Return the file's options by parameter. Raises UserError for what is none.

    `known`: the long options' names without dashes in front, and the parameter that each one sets.
    """
    try:
        options = tomllib.loads(path.read_text())
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}", "--config names a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{path} is not TOML: {error}", "write option = value, one a line") from error
    for key, value in options.items():
        if key not in known:
            raise UserError(f"{path}: no option {key!r}", f"known: {', '.join(sorted(known))}")
        words = value if isinstance(value, list) else [value]
        if not all(isinstance(word, str | int | float) for word in words):
            raise UserError(f"{path}: {key} is no text, number, switch or list of texts")
    return {known[key]: value for key, value in options.items()}
