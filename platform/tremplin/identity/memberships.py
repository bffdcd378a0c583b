"""Which spaces an account of the operator's space may look for: the one reader and writer.

The index lives in the operator's space and grants nothing: rights are read in each space. Every
function enters that space itself, so callers stay where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from tremplin.identity.models import TenantMembership, User


@dataclass(frozen=True, slots=True)
class MembershipRow:
    """One line of the index: a space, and the role that the person had when it was written."""

    tenant_uuid: UUID
    role_hint: str


def _key(account: UUID | str) -> UUID | None:
    try:
        return account if isinstance(account, UUID) else UUID(str(account))
    except ValueError:
        return None


def record(account: UUID | str, tenant: Any, role_hint: str = "") -> bool:
    """Remember that ``account`` has an identity in ``tenant``; returns whether it is known.

    An account that the operator's space does not have (any more) is not recorded.
    """
    from tenants import registry
    from tenants.context import use

    hq, key = registry.hq(), _key(account)
    if hq is None or key is None or tenant.kind == "hq":
        return False
    with use(hq), transaction.atomic():
        if not User.objects.present().filter(pk=key).exists():
            return False
        TenantMembership.objects.update_or_create(
            account_id=key, tenant_uuid=tenant.uuid, defaults={"role_hint": role_hint[:40]}
        )
    return True


def forget(account: UUID | str, tenant: Any) -> bool:
    """Drop the line of ``account`` and ``tenant``; returns whether there was one."""
    from tenants import registry
    from tenants.context import use

    hq, key = registry.hq(), _key(account)
    if hq is None or key is None:
        return False
    with use(hq), transaction.atomic():
        found = TenantMembership.objects.filter(account_id=key, tenant_uuid=tenant.uuid)
        return bool(found.delete()[0])


def exists(account: UUID | str, tenant: Any) -> bool:
    """Tell whether ``account`` is expected in ``tenant``."""
    from tenants import registry
    from tenants.context import use

    hq, key = registry.hq(), _key(account)
    if hq is None or key is None:
        return False
    with use(hq):
        return TenantMembership.objects.filter(account_id=key, tenant_uuid=tenant.uuid).exists()


def of_account(account: UUID | str) -> Sequence[MembershipRow]:
    """Return the spaces of ``account``, oldest first."""
    from tenants import registry
    from tenants.context import use

    hq, key = registry.hq(), _key(account)
    if hq is None or key is None:
        return []
    with use(hq):
        rows = TenantMembership.objects.filter(account_id=key).order_by("created_at", "pk")
        return [MembershipRow(row.tenant_uuid, row.role_hint) for row in rows]
