"""Public tables of the kernel: what is known of every tenant without entering it."""
