"""The switch by which a space allows visits."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from tenants.registry import TenantInfo
from tremplin.identity.errors import IdentityError
from tremplin.identity.identity_settings import IdentitySettings
from tremplin.identity.models import SpaceOwner
from tremplin.identity.support import ending
from tremplin.kernel import audit, settings_store


def set_consent(tenant: TenantInfo, *, allowed: bool, by: Any) -> None:
    """Allow visits, or withdraw the consent: running visits then end at once.

    Only the owner of the space allows; every administrator of its security may withdraw. Raises
    ``IdentityError`` ``owner_only`` and ``settings_store.LockedSetting``.
    """
    if allowed and not SpaceOwner.objects.filter(person_id=by).exists():
        raise IdentityError("owner_only", _("Only the owner of the space can allow visits."))
    with transaction.atomic():
        _write(tenant, allowed)
        audit.record("security.support_allowed" if allowed else "security.support_refused")
        if not allowed:
            ending.finish_all("switched_off")


def seed(tenant: TenantInfo, new: Any) -> None:
    """Allow visits in a space that a reseller created (provisioning step)."""
    if new.reseller_pk is not None:
        _write(tenant, True)


def _write(tenant: TenantInfo, allowed: bool) -> None:
    settings_store.write(
        "tenant", tenant, "identity", {"support_access": allowed}, model=IdentitySettings
    )
