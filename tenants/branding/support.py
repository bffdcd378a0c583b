"""Who helps a space first: its reseller, else the platform. A mailbox, never a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenants import registry
from tenants.branding import texts

if TYPE_CHECKING:
    from tenants.registry import TenantInfo


@dataclass(frozen=True, slots=True)
class Contact:
    """Where those who run a space ask for help; ``is_reseller`` when its reseller answers first."""

    name: str
    email: str
    is_reseller: bool


def first_level(tenant: TenantInfo) -> Contact | None:
    """Return who answers the administrators of ``tenant`` first; None for the platform itself.

    A reseller answers at the address of its preset, else at its own; the platform at that of its
    space. None also when nobody gave an address.
    """
    reseller = registry.by_pk(tenant.reseller_pk) if tenant.reseller_pk is not None else None
    helper = reseller or registry.hq()
    if helper is None or helper.pk == tenant.pk:
        return None
    given = texts.of_reseller(helper.pk) if reseller is not None else ""
    email = given or texts.of(helper).support_email or helper.email
    return Contact(helper.name, email, reseller is not None) if email else None


def for_people(tenant: TenantInfo) -> str:
    """Return the address that everybody in a space may write to, empty without one."""
    return texts.of(tenant).support_email
