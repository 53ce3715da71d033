"""What does the process do that builds ahead? It reads where its work is told, then orders, a line each."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from bisector import making, opening
from bisector.ahead import Order, Work
from bisector.errors import BisectorError, Interrupted
from bisector.host import stopping
from bisector.host.repository import Repository


def main() -> int:
    """Build what is ordered on standard input, until that ends. Complaints go to standard error."""
    stopping.listen()
    try:
        _serve()
    except Interrupted:
        return stopping.CODE
    except BisectorError as error:
        _complain(error.message)
        return 20
    return 0


def _serve() -> None:
    told = Path(os.fsdecode(sys.stdin.buffer.readline().rstrip(b"\n")))
    work = msgspec.json.decode(told.read_bytes(), type=Work)
    repository = Repository(Path(work.settings.repo))
    first = repository.read(work.commit)
    with opening.bench(work.settings, Path(work.directory), Path(work.state), first, _complain) as bench:
        # Not `for line in stdin`: that reads on.
        while line := sys.stdin.buffer.readline():
            order = msgspec.json.decode(line, type=Order)
            try:
                making.made(
                    bench, repository.read(order.commit), lambda *_: None, clean=order.clean, exact=order.exact
                )
            except BisectorError as error:
                _complain(error.message)
            print("done", flush=True)


def _complain(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
