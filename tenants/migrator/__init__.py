"""Fleet migrations: one plan per distinct state, applied to every schema."""

from tenants.migrator.run import Options, Result, migrate_all

__all__ = ["Options", "Result", "migrate_all"]
