"""bisector: which commit changed what an arm64 kernel does when a breakpoint's signal steps into its handler?

For programs, all that the command line does:

    chosen = bisector.choose("/srv/linux", scenario="exec-sigtrap")
    session, conclusion = bisector.start(chosen, "v6.12", "v6.13", emit=print)
    print(conclusion.kind, conclusion.culprit)
    again = bisector.read()                      # the newest session
    made = bisector.reported(again)              # the report's values; page(), mail() are forms of it

Errors are UserError (a person can mend it), HostError (our machine failed: `resume` goes on) and, where the signals
were taken (`bisector.host.stopping.listen`), Interrupted.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Typed in `__init__.pyi`. Loaded when first asked for: the command line takes the signals before all that.
_HOMES = {
    "api": [
        "choose",
        "mail",
        "mark",
        "page",
        "plan",
        "read",
        "rejudge",
        "reported",
        "resume",
        "retest",
        "start",
        "test",
    ],
    "errors": ["BisectorError", "HostError", "Interrupted", "UserError"],
    "model": ["Verdict"],
}
__all__ = [name for names in _HOMES.values() for name in names]
# Modules of ours have these names.
_CALLED = {"choose": "settings", "reported": "report"}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"bisector.{home}"), _CALLED.get(name, name))
    raise AttributeError(f"module 'bisector' has no attribute {name!r}")
