"""What runs first? A handler for the signals, and then the command line, whose imports take half a second."""

import os
import signal
from typing import NoReturn


def _too_early(number: int, _: object) -> NoReturn:
    os.write(
        2, b"bisector: interrupted by %s\n  nothing was begun: run it again\n" % signal.Signals(number).name.encode()
    )
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
