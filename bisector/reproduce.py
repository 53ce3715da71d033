"""How does a person repeat a boot by hand? The very commands, for the kept kernel and for one built anew. (pure)"""

from __future__ import annotations

from pathlib import Path

from bisector.boot import Machine
from bisector.host.process import printable
from bisector.model import Commit, Kernel
from bisector.recipe import Recipe

# A kernel that hangs does not listen to Ctrl-C either.
_BOUNDED = ("timeout", "120")
# Shell variables that the person sets once; the rest can be pasted as it stands.
_TREE, _OBJECTS = Path("$TREE"), Path("$OBJECTS")


def boot_kept(machine: Machine, session: Path, kernel: Kernel) -> str:
    """Return the command that boots the kernel which the session kept, with the probe."""
    return printable([*_BOUNDED, *machine.argv(kernel.image, str(session / "probe.cpio"))])


def build_anew(recipe: Recipe, machine: Machine, session: Path, repo: str, commit: Commit) -> tuple[str, ...]:
    """Return the commands that build the commit's kernel from nothing and boot it; COMMIT may be set to another."""
    recipe = recipe.from_nothing(_OBJECTS, alone=True)
    exports = {key: value for key, value in recipe.environment(_TREE).items() if key.startswith("KBUILD_")}

    def make(target: str) -> str:
        words = recipe.make(_TREE, _OBJECTS, target)
        # Double quotes, so that the shell fills in the variables.
        return " ".join(f'"{word}"' if set(word) & set(" $") else word for word in words)

    image = f"$OBJECTS/{recipe.architecture.image_path}"
    words = [*_BOUNDED, *machine.argv(image, str(session / "probe.cpio"))]
    boot = " ".join(f'"{word}"' if word == image else printable([word]) for word in words)
    return (
        *(
            ["# bisector built it in bubblewrap; by hand its Makefiles can do whatever you can"]
            if recipe.walled
            else []
        ),
        f"COMMIT={commit.id} TREE=$(mktemp -d) OBJECTS=$(mktemp -d)",
        f'git -C {printable([repo])} worktree add --detach "$TREE" "$COMMIT"',
        f"export {printable([], exports)}",
        make("tinyconfig"),
        f'cat {printable([str(session / "fragment.config")])} >> "$OBJECTS/.config"',
        make("olddefconfig"),
        make(recipe.architecture.image),
        boot,
        "# under a debugger: the line above without timeout, and with -s -S; then, in another terminal:",
        '# gdb-multiarch "$OBJECTS/vmlinux" -ex "target remote :1234"',
        f'git -C {printable([repo])} worktree remove --force "$TREE"',
    )
