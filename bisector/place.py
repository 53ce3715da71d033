"""Where were the CPUs of a guest that was given up? Program counters and System.map -> sentences."""

from __future__ import annotations

import bisect
import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path

from bisector.errors import HostError
from bisector.host import monitor
from bisector.model import Kernel

# Looks, and the host seconds between two: a loop of some instructions is seen as one, a moving guest as several.
SAMPLES, BETWEEN = 5, 0.03
# Functions in which a CPU waits for an interrupt.
_IDLE = frozenset({"cpu_do_idle", "arch_cpu_idle", "default_idle_call", "do_idle", "cpu_startup_entry"})
# Until the MMU is on the kernel runs at physical addresses. QEMU puts an arm64 Image as far into the RAM as its
# header says (Linux: Documentation/arch/arm64/booting.rst), and 2 MiB where that says 0, as all do since Linux
# commit cfa7ede20f13 ("arm64: set TEXT_OFFSET to 0x0 in preparation for removing it entirely"), v5.8.
_RAM, _USUAL = 0x40000000, 0x200000
# What QEMU itself needs at the start of the RAM.
_QEMU_S_OWN = 0x1000
# A symbol that ends nowhere: what is this far behind the last one is in none.
_FAR = 1 << 20
# A stranger's build wrote the map. Lines and bytes of each: a distribution's kernel has some 200,000.
_LINES, _LINE = 1_000_000, 1000
# What is told of a name. Rust's mangled ones are the longest.
_NAME = 200
_CODE = re.compile(r"([0-9a-fA-F]{1,16}) [tTwW] (\S+)")


class Symbols:
    """The addresses of a System.map, those of code only. `loaded`: where the image stands in the guest's memory."""

    def __init__(self, lines: Iterable[str], loaded: int = _RAM + _USUAL) -> None:
        self._loaded = loaded
        found = filter(None, map(_CODE.match, lines))
        rows = [(int(row[1], 16), row[2][:_NAME]) for row in found]
        rows.sort(key=lambda row: row[0])
        self._addresses = [address for address, _ in rows]
        self._names = [name for _, name in rows]
        self._text = next((address for address, name in rows if name == "_text"), None)

    def place(self, counter: int) -> tuple[str, int] | None:
        """Return the function and the offset in it, None for an address in no function."""
        found = self._at(counter)
        if found is None and self._text is not None:
            found = self._at(counter - self._loaded + self._text)
        return found

    def _at(self, counter: int) -> tuple[str, int] | None:
        index = bisect.bisect_right(self._addresses, counter) - 1
        if index < 0 or counter - self._addresses[index] > _FAR:
            return None
        return self._names[index], counter - self._addresses[index]


def read(system_map: Path, loaded: int) -> Symbols:
    """Read a System.map, as much of it as an honest one has. Raises OSError."""
    with system_map.open("rb") as stream:
        lines = iter(lambda: stream.readline(_LINE), b"")
        return Symbols((line.decode(errors="replace") for line in islice(lines, _LINES)), loaded)


def loaded_at(head: bytes) -> int:
    """Return where QEMU puts an Image whose first bytes these are, as hw/arm/boot.c of QEMU 7.2 does."""
    offset = int.from_bytes(head[8:16], "little")
    return _RAM + offset + (_USUAL if offset < _QEMU_S_OWN else 0)


def sampled(qemu: monitor.Monitor, kernel: Kernel) -> tuple[str, ...]:
    """Stop the guest a few times and say where each CPU was. Never fails: this is evidence, not a verdict."""
    looks: list[Mapping[int, tuple[int, int]]] = []
    try:
        for _ in range(SAMPLES):
            qemu.halt()
            looks.append(qemu.counters())
            qemu.go_on()
            time.sleep(BETWEEN)
        with Path(kernel.image).open("rb") as image:
            symbols = read(Path(kernel.system_map), loaded_at(image.read(16)))
    except (monitor.Gone, HostError, OSError, ValueError):
        return ()
    return tuple(told(cpu, [look[cpu] for look in looks if cpu in look], symbols) for cpu in sorted(looks[0]))


def told(cpu: int, looks: Sequence[tuple[int, int]], symbols: Symbols) -> str:
    """Return the sentence of one CPU: `CPU1 in handle_signal+0x40, 5 of 5 samples`."""
    places = [_name(counter, level, symbols) for counter, level in looks]
    if len(set(places)) == 1:
        where = places[0][0] + (f"+{places[0][1]:#x}" if places[0][1] else "")
        return f"CPU{cpu} {_in(where)}, {len(looks)} of {len(looks)} samples"
    names = Counter(name for name, _ in places).most_common(3)
    return f"CPU{cpu} " + "; ".join(f"{_in(name)}, {times} of {len(looks)} samples" for name, times in names)


def _in(where: str) -> str:
    return where if where in ("idle", "off", "in user space") else f"in {where}"


def _name(counter: int, level: int, symbols: Symbols) -> tuple[str, int]:
    if counter == 0:
        return "off", 0
    if level == 0:
        return "in user space", 0
    found = symbols.place(counter)
    if found is None:
        return f"{counter:#x}", 0
    return ("idle", 0) if found[0] in _IDLE else found
