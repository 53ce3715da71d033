"""The program that `git bisect run` calls: it asks the session for the verdict on one commit.

Run as `python3 -I -S child.py FD`, by the shell line in `gitrun`; FD is its end of a socket that the session
handed down through git. It imports nothing of bisector's, so it starts in 15 ms and cannot fail by our
mistakes. Its exit codes are unlikely numbers on purpose: git reads 1 to 127 as *new*, so a Python traceback (1)
or a usage error (2) would name a culprit. The shell line translates the three codes, and makes an abort of
everything else.
"""

import socket
import subprocess
import sys

CODES = {b"old": 71, b"new": 83, b"untestable": 97}


def main(number: str) -> int:
    """Return the code for the session's answer. Raises for everything that is no answer to this question."""
    asked = subprocess.run(["git", "rev-parse", "--verify", "BISECT_HEAD"], capture_output=True, check=True)
    commit = asked.stdout.strip()
    with socket.socket(fileno=int(number)) as line:
        line.sendall(commit + b"\n")
        # No deadline here: a build may take hours, and the end of the session ends this read.
        answered, verdict = line.makefile("rb").readline().split()
    if answered != commit:
        raise ValueError(f"asked for {commit!r}, answered for {answered!r}")
    return CODES[verdict]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
