"""Is a claim of 99 % right in 99 of 100 sessions? The search and its evidence, driven without VMs."""
