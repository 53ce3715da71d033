"""What does bisector cost, beside those that do the same work? Rows of one table, each measured side by side.

What was looked at and is not done, for whoever makes it faster:

ccache costs CPU time for each object that is not there (`--only clean`): it preprocesses, and then compiles the
source again. `CCACHE_DEPEND` would cost nothing, but does not see `.incbin`: the vDSO could be an earlier one.
`CCACHE_NOCPP2` compiles what was preprocessed, and gcc then makes another kernel of the same source.

The options that are left compile little that could go (sysctl in /proc, the PMU's drivers, core dumps of ELF): most
of a build is mm, kernel, fs and lib, and headers are most of each object.

A cold search costs more than the script beside it (`--only demo`) for two reasons, both on purpose: both ends are
built and booted before anything is searched, and ccache is filled while the first kernel is built. In a step, what is
left beside make and QEMU is asking Kconfig where it must be asked, and the checkout (`--only parts`).

Nothing that can be said to QEMU or the kernel makes a boot shorter (`--only boots`): its time is the guest's own
instructions. Counting them (`-icount`) costs nothing.

virtme-ng boots a kernel with virtio and 9p or virtiofs, on a root file system of the guest's architecture: ours has
none of these.
"""
