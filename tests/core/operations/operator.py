"""Somebody of the operator's space, signed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo


def operator(
    place: TenantInfo, role: str, inside: Any, client_for: Callable[..., Client]
) -> Client:
    """Return a client signed in at ``place`` with one role; pages answer in English."""
    from tremplin.identity.mfa import enrol_totp
    from tremplin.identity.services import create_person

    with inside(place):
        person = create_person(
            email=f"{role}-operator@{place.slug}.example",
            first_name="Ada",
            last_name="Verdier",
            roles=[role],
            password="une-phrase-pour-tester-2026",  # noqa: S106  of a test
        )
        enrol_totp(person, "JBSWY3DPEHPK3PXP")
    return client_for(place, person)
