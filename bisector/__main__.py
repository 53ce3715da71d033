"""What runs first? A handler for the signals, and then the command line, whose imports take half a second."""

import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

# As `answers.Failure` is printed, which is not loaded yet.
FAILURE = (
    b'{"command":"error","message":"interrupted by %s","hint":"nothing was begun: run it again",'
    b'"exit_code":130,"schema":7}\n'
)


def _too_early(number: int, _: object) -> NoReturn:
    name = signal.Signals(number).name.encode()
    with suppress(OSError):
        os.write(2, b"bisector: interrupted by %s\n  nothing was begun: run it again\n" % name)
    if "--json" in sys.argv:
        with suppress(OSError):
            os.write(1, FAILURE % name)
    os._exit(130)


def main() -> None:
    """Run the `bisector` command."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, _too_early)
    from bisector import cli

    cli.main()


if __name__ == "__main__":
    main()
