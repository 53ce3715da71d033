"""What runs inside the VM: the probe's sources, and packing them into an initramfs (see PROTOCOL.md)."""
