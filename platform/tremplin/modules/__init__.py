"""The life of modules on an installation: scaffold, check, sign, switch, export, purge."""
