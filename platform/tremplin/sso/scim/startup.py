"""What the directory asks of other packages when the process starts."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import pre_delete

from tremplin.identity.models import Cohort


def on_cohort_deleted(sender: Any, instance: Cohort, **kwargs: Any) -> None:
    """Take back the roles that the group of a deleted cohort gave."""
    from tremplin.sso.scim import groups

    groups.take_back_roles(instance)


def connect() -> None:
    """Connect every receiver once and declare what is kept about people."""
    from tremplin.privacy import sources
    from tremplin.sso.scim.privacy import DirectoryPersonalData

    pre_delete.connect(on_cohort_deleted, sender=Cohort, dispatch_uid="tremplin.sso.scim")
    sources.register("directory", DirectoryPersonalData())
