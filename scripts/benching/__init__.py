"""What does bisector cost, beside those that do the same work? Rows of one table, each measured side by side.

What was looked at and is not done, for whoever makes it faster:

ccache by its own preprocessor costs a third of a cold kernel's CPU time more: it preprocesses each source, and then
compiles it again. So it goes by dependency files (`CCACHE_DEPEND`), which costs nothing (`--only clean`) but does not
see `.incbin`: the vDSO could be an earlier one, and so nothing that is written in assembler is cached
(`bisector/recipe.py`). `CCACHE_NOCPP2` compiles what was preprocessed, and gcc then makes another kernel of the same
source.

The options that are left compile little that could go (sysctl in /proc, the PMU's drivers, core dumps of ELF): most
of a build is mm, kernel, fs and lib, and headers are most of each object.

A cold search costs more than the script beside it (`--only demo`), on purpose: both ends are built and booted before
anything is searched. In a step, what is left beside make and QEMU is asking Kconfig where it must be asked, and the
checkout (`--only parts`).

Nothing that can be said to QEMU or the kernel makes a boot shorter (`--only boots`): its time is the guest's own
instructions. Counting them (`-icount`) costs nothing.

virtme-ng boots a kernel with virtio and 9p or virtiofs, on a root file system of the guest's architecture: ours has
none of these.
"""
