"""What does bisector cost, beside those that do the same work? Rows of one table, each measured side by side.

What was looked at and is not done, for whoever makes it faster:

ccache by its own preprocessor costs CPU time for each object that is not there: it preprocesses the source, and then
compiles it from the beginning. So it goes by dependency files (`CCACHE_DEPEND`), which costs nothing (`--only clean`)
but does not see `.incbin`: the vDSO could be an earlier one, and so nothing that is written in assembler is cached
(`bisector/recipe.py`). `CCACHE_NOCPP2` compiles what was preprocessed, and gcc then makes another kernel of the same
source.

Seven eighths of a kernel's CPU time is the compiler proper, and most of that is reading sources and headers (`--only
compiling`), of which no option saves anything but by leaving objects out. What else Kconfig lets one switch off, and
-Os, which is not what distributions build, make a difference that hardly stands out from the host's (`--only
options`). Nor do gcc's own start, warnings, `-pipe`, the stack protector or zeroed variables. make, its shells and
the linker together are an eighth. Without KALLSYMS a step has less to link, but a panic, and a task that hangs, would
name no function unless the host did that. What a line of the fragments saves is seen in what is not linked any more
(`--only lines`): whole builds drown in the host's drift, and ccache lacks all, for every source reads `autoconf.h`.

A command's start is imports: scipy's took longer than all others together, and is put off until a rate is asked for.
Of a session on the mini kernel py-spy sees mostly waiting (for make, for QEMU), and then the syncs of the journal.

Much of what a boot cost beside QEMU itself was waiting at its end: for last words (now read to the end of the line),
in pexpect's close, between two looks at the exit code. What is left is QEMU's start under a monitor, the fork, and a
pty that is written letter by letter; to read it every few ms (`loop.call_later` in `Monitor._drain`) takes far fewer
wakeups, and saved no time that could be told from chance.

A cold search costs more than the script beside it (`--only demo`), on purpose: both ends are built and booted before
anything is searched. In a step, what is left beside make and QEMU is asking Kconfig where it must be asked, and the
checkout (`--only parts`).

Where every commit is as likely as another one, no search asks fewer questions in the mean than there are doublings in
their number: `--only kernels` prints that bound beside the kernels that were built. Only who knows which commits are
likelier goes below it (`--only choosing`).

Nothing that can be said to QEMU or the kernel makes a boot shorter (`--only boots`): its time is the guest's own
instructions. Counting them (`-icount`) costs nothing.

virtme-ng boots a kernel with virtio and 9p or virtiofs, on a root file system of the guest's architecture: our
kernels have none of these, so `--only virtme` builds one that has.
"""
