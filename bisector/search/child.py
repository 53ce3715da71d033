"""The program that `git bisect run` calls: it asks the session for the verdict on one commit.

Run as `python3 -I -S child.py SOCKET COMMIT-READER...`, by the shell line in `gitrun`. It imports nothing of
bisector's, so it starts in 15 ms and cannot fail by our mistakes. Its exit codes are unlikely numbers on
purpose: git reads 1 to 127 as *new*, so a Python traceback (1) or a usage error (2) would name a culprit.
The shell line translates the three codes, and makes an abort of everything else.
"""

import socket
import subprocess
import sys

CODES = {b"old": 71, b"new": 83, b"untestable": 97}


def main(path: str) -> int:
    """Return the code for the session's answer. Raises for everything that is no answer."""
    asked = subprocess.run(["git", "rev-parse", "--verify", "BISECT_HEAD"], capture_output=True, check=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(path)
        line.sendall(asked.stdout.strip() + b"\n")
        # No deadline here: a build may take hours, and the end of the session ends this read.
        return CODES[line.makefile("rb").readline().strip()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
