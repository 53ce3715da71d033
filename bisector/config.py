"""Which options stand in a person's TOML file? Keys are the long options' names, for all commands alike."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from bisector.errors import UserError


def read(path: Path, known: Collection[str]) -> dict[str, Any]:
    """Return the file's options by parameter name (`old_outcome`). Raises UserError for what is none."""
    try:
        options = tomllib.loads(path.read_text())
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not TOML: {error}") from error
    named = {key.replace("-", "_"): value for key, value in options.items()}
    for key in named:
        if key not in known:
            raise UserError(f"{path}: no option {key!r}", f"known: {', '.join(sorted(known))}")
    return named
