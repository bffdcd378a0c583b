"""What identity keeps of a person beside her account: programs, visits, actions on many people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from allauth.idp.oidc.models import Client, Token
from django.db.models import Q

from tremplin.identity.models import (
    ApiKey,
    BulkAction,
    ImportUpload,
    SupportAccess,
    TenantMembership,
    User,
)


def iso(value: datetime | None) -> str | None:
    """Return a moment as ISO 8601 text, None as it is."""
    return value.isoformat() if value is not None else None


def documents(person: User) -> Iterator[tuple[str, Any]]:
    """Yield the files of the export (name in the archive, content) that hold something."""
    for name, content in (
        ("identity/spaces.json", _spaces(person)),
        ("identity/programs.json", _programs(person)),
        ("identity/visits.json", _visits(person)),
        ("identity/bulk-actions.json", _bulk_actions(person)),
    ):
        if content:
            yield name, content


def _spaces(person: User) -> list[dict[str, Any]]:
    from tenants import registry

    found = []
    for row in TenantMembership.objects.filter(account=person).order_by("created_at", "pk"):
        tenant = registry.by_uuid(row.tenant_uuid)
        found.append(
            {
                "space": tenant.name if tenant is not None else str(row.tenant_uuid),
                "role": row.role_hint,
                "since": iso(row.created_at),
            }
        )
    return found


def _programs(person: User) -> dict[str, Any]:
    """Keys, applications and tokens without what would open anything: no secret, no hash."""
    keys = [
        {
            "name": row.name,
            "prefix": row.prefix,
            "scopes": sorted(row.scopes),
            "networks": sorted(row.networks),
            "created": iso(row.created_at),
            "expires": iso(row.expires_at),
            "revoked": iso(row.revoked_at),
            "last_used": iso(row.last_used_at),
            "last_used_address": row.last_used_address,
        }
        for row in ApiKey.objects.filter(created_by=person).order_by("created_at", "pk")
    ]
    applications = [
        {"id": row.pk, "name": row.name, "created": iso(row.created_at)}
        for row in Client.objects.filter(owner=person).order_by("created_at", "pk")
    ]
    tokens = [
        {
            "application": row.client.name if row.client is not None else "",
            "type": str(row.type),
            "created": iso(row.created_at),
            "expires": iso(row.expires_at),
        }
        for row in Token.objects.filter(Q(user=person) | Q(client__owner=person))
        .select_related("client")
        .order_by("created_at", "pk")
    ]
    found = {"keys": keys, "applications": applications, "tokens": tokens}
    return found if any(found.values()) else {}


def _visits(person: User) -> list[dict[str, Any]]:
    """Visits of support as this person; the space of the visitor, not the visitor's own name."""
    return [
        {
            "by": row.viewer_space,
            "reason": row.reason,
            "asked": iso(row.created_at),
            "opened": iso(row.opened_at),
            "ended": iso(row.ended_at),
        }
        for row in SupportAccess.objects.filter(person=person).order_by("created_at", "pk")
    ]


def _bulk_actions(person: User) -> list[dict[str, Any]]:
    rows = BulkAction.objects.filter(
        Q(actor=person) | Q(people__contains=[person.pk], started_at__isnull=False)
    )
    return [
        {
            "action": row.action,
            "role": row.role,
            "reason": row.reason,
            "by_you": row.actor_id == person.pk,
            "about_you": person.pk in row.people,
            "people": len(row.people),
            "asked": iso(row.created_at),
            "finished": iso(row.finished_at),
        }
        for row in rows.order_by("created_at", "pk")
    ]


def forget(person: User) -> None:
    """Erase it: programs and previews go; visits and finished actions stay without their words.

    A visit stays as the proof that it took place; its person has no name any more.
    """
    ApiKey.objects.filter(created_by=person).delete()
    Client.objects.filter(owner=person).delete()
    TenantMembership.objects.filter(account=person).delete()
    ImportUpload.objects.filter(person=person).delete()
    SupportAccess.objects.filter(person=person).update(reason="")
    BulkAction.objects.filter(actor=person, state=BulkAction.State.PREVIEW).delete()
    BulkAction.objects.filter(people__contains=[person.pk]).exclude(reason="").exclude(
        state__in=(BulkAction.State.PREVIEW, BulkAction.State.RUNNING)
    ).update(reason="")
