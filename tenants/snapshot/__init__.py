"""The database snapshot: one reviewable SQL text from which an empty database is ready."""

from tenants.snapshot.text import FILE, build, check, fingerprint_of_file, load

__all__ = ["FILE", "build", "check", "fingerprint_of_file", "load"]
