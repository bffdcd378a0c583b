"""What the directory asks of other packages when the process starts."""

from __future__ import annotations

from tremplin.identity.models import Cohort


def _take_back_roles(cohort: Cohort) -> None:
    from tremplin.sso.scim import groups

    groups.take_back_roles(cohort)


def connect() -> None:
    """Follow cohorts that are deleted, and declare what is kept about people."""
    from tremplin.identity.services import before_cohort_deleted
    from tremplin.privacy import sources
    from tremplin.sso.scim.privacy import DirectoryPersonalData

    before_cohort_deleted(_take_back_roles)
    sources.register("directory", DirectoryPersonalData())
