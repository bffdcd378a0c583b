"""Whether a visit may go on; asked at every request of it."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from tenants.registry import current
from tremplin.identity import identity_settings
from tremplin.identity.models import SupportAccess
from tremplin.identity.support import viewers

SESSION_NAME = "support_access"  # in the visit's session: the id of its row


def visit_of(key: object) -> SupportAccess | None:
    """Return the visit whose id a session holds."""
    try:
        pk = UUID(str(key))
    except ValueError:
        return None
    return SupportAccess.objects.select_related("person").filter(pk=pk).first()


def cause_of_end(visit: SupportAccess) -> str:
    """Return an empty string while the visit may go on, else why it is over.

    ``ended`` (closed by somebody), ``expired``, ``switched_off`` (the space withdrew its consent),
    ``person`` (the account that is viewed was closed), ``viewer`` and ``session`` (see
    ``viewers.still_allowed``).
    """
    if visit.ended_at is not None:
        return "ended"
    if visit.expires_at <= timezone.now():
        return "expired"
    if not identity_settings.current().support_access:
        return "switched_off"
    person = visit.person
    if not person.is_active or person.removed_at is not None or person.is_expired():
        return "person"
    target = current()
    if target is None:
        return "ended"
    return viewers.still_allowed(visit.viewer_tenant, visit.viewer_account, target, visit.pk)


def seconds_left(visit: SupportAccess) -> int:
    """Return the whole seconds until the visit ends, 0 when it is over."""
    return max(0, int((visit.expires_at - timezone.now()).total_seconds()))
