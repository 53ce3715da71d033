"""Which options does a kernel need, who needs them, and which did this commit lose? (pure)

A fragment line is `CONFIG_X=value  # required: WHO` or `# wanted: WHO`. A required option that is not there
after `olddefconfig` makes the commit untestable; a wanted one may go. The kernel's own form, without a remark or
`# CONFIG_X is not set`, is wanted by the fragment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bisector.errors import UserError

_LINE = re.compile(r'(?P<name>CONFIG_\w+)=(?P<value>"[^"]*"|\S+)\s+#\s+(?P<need>required|wanted):\s+(?P<who>\S.*)')
_PLAIN = re.compile(r'(CONFIG_\w+)=("[^"]*"|\S+)')
_SET = re.compile(r"(CONFIG_\w+)=(.*)")
_UNSET = re.compile(r"# (CONFIG_\w+) is not set")

# Each object directory has seeds of its own for these, or the compiler has.
_CHANCE = ("CONFIG_RANDSTRUCT", "CONFIG_GCC_PLUGIN_RANDSTRUCT", "CONFIG_GCC_PLUGIN_LATENT_ENTROPY")


@dataclass(frozen=True, slots=True)
class Option:
    """One line of a fragment."""

    name: str
    value: str
    required: bool
    who: str

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


def options(fragment: str, name: str) -> tuple[Option, ...]:
    """Read a fragment. Raises UserError, with the line's number, for a line that is none."""
    found = []
    for number, line in enumerate(fragment.splitlines(), 1):
        text = line.strip()
        if match := _LINE.fullmatch(text):
            found.append(Option(match["name"], match["value"], match["need"] == "required", match["who"]))
        elif match := _PLAIN.fullmatch(text):
            found.append(Option(match[1], match[2], required=False, who=name))
        elif match := _UNSET.fullmatch(text):
            found.append(Option(match[1], "n", required=False, who=name))
        elif text and not text.startswith("#"):
            raise UserError(
                f"{name}, line {number}: {text!r} is not an option line",
                "write CONFIG_X=y, or CONFIG_X=y  # required: who needs it",
            )
    return tuple(found)


def settings(config: str) -> dict[str, str]:
    """Read a .config: every symbol that it names; `n` for one that is not set."""
    found = {}
    for line in config.splitlines():
        if match := _SET.fullmatch(line):
            found[match[1]] = match[2]
        elif match := _UNSET.fullmatch(line):
            found[match[1]] = "n"
    return found


def lost(wanted: Iterable[Option], config: str) -> Option | None:
    """Return the first required option that the .config does not have, None if all are there."""
    have = settings(config)
    for option in wanted:
        if option.required and have.get(option.name, "n") != option.value:
            return option
    return None


def by_chance(config: str) -> str:
    """Return the setting by which each object directory makes another kernel of one source, "" if there is none."""
    have = settings(config)
    signed = have.get("CONFIG_MODULE_SIG") == "y" or have.get("CONFIG_IMA_APPRAISE_MODSIG") == "y"
    if signed and have.get("CONFIG_MODULE_SIG_KEY") == '"certs/signing_key.pem"':
        return 'CONFIG_MODULE_SIG_KEY="certs/signing_key.pem"'
    return next((f"{name}=y" for name in _CHANCE if have.get(name) == "y"), "")


def difference(base: str, config: str) -> tuple[str, ...]:
    """Return the lines in which a .config differs from the base's, as fragment lines, sorted."""
    before, after = settings(base), settings(config)
    changed = {name for name in before | after if before.get(name, "n") != after.get(name, "n")}
    return tuple(f"{name}={after.get(name, 'n')}" for name in sorted(changed))
