"""Which history is bisected when no real one is at hand?

A bare git repository: one commit with Debian's kernel source as it is, and on top of it a *story*, a branch of
small edits of our own with one *culprit* among them.  The refs:

    refs/heads/base          the pristine tree
    refs/heads/NAME          the story
    refs/tags/NAME-old       its old end (the pristine tree), NAME-new: its new end
    refs/tags/NAME-culprit   the truth, for checking; a bisection must not read it

The ids are the same on every machine, for the same tarball.  The first call takes half a minute, another half a
second.

Nothing here is the kernel's text: an edit says where (a path, an anchor or a function's name) and what we put
there.  The anchors fit linux-source-6.12; one that does not match exactly once is an error that names it.
An edit must stay cheap to build: no header that many files include (crossing a change of
arch/arm64/include/asm/processor.h costs 2.5 minutes), one to three .c files for each commit.
"""

from kernel_history.history import History, make
from kernel_history.messages import HistoryError
from kernel_history.stories import STORIES

__all__ = ["STORIES", "History", "HistoryError", "make"]
