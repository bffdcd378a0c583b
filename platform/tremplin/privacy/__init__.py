"""Personal data across the core and every module: export, erasure, retention."""
