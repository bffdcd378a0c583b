"""Security events of the space."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from tremplin.identity.models import User
from tremplin.kernel.access import guarded
from tremplin.kernel.models import AuditEvent

PAGE_SIZE = 50
NOBODY = UUID(int=0)


def kind_labels() -> dict[str, str]:
    """Return the recorded kinds with their name, in the order of the filter."""
    return {
        "security.login": _("Sign-in"),
        "security.login_failed": _("Failed sign-in"),
        "security.logout": _("Sign-out"),
        "security.password_changed": _("Password changed"),
        "security.password_reset": _("Password reset"),
        "security.email_confirmed": _("E-mail confirmed"),
        "security.email_changed": _("E-mail changed"),
        "security.mfa_added": _("Second factor added"),
        "security.mfa_removed": _("Second factor removed"),
        "security.mfa_reset": _("Recovery codes renewed"),
        "security.sessions_revoked": _("Sessions closed"),
        "security.roles_changed": _("Roles changed"),
        "security.owner_changed": _("Owner changed"),
        "security.person_suspended": _("Account suspended"),
        "security.person_resumed": _("Account opened again"),
        "security.person_expired": _("Account expired"),
        "security.person_removed": _("Person removed"),
        "security.invitation_accepted": _("Invitation accepted"),
        "people.invited": _("Person invited"),
        "people.imported": _("People imported"),
        "people.exported": _("People exported"),
        "people.cohort_deleted": _("Cohort deleted"),
    }


def _person_id(target: str) -> UUID | None:
    if not target.startswith("person:"):
        return None
    try:
        return UUID(target.removeprefix("person:"))
    except ValueError:
        return None


@guarded("kernel.view_audit")
@require_GET
def events(request: HttpRequest) -> HttpResponse:
    """Show the security events, newest first, filtered by kind."""
    labels = kind_labels()
    kind = request.GET.get("kind", "")
    found = AuditEvent.objects.filter(
        Q(kind__startswith="security.") | Q(kind__startswith="people.")
    )
    if kind in labels:
        found = found.filter(kind=kind)
    page = Paginator(found.order_by("-id"), PAGE_SIZE).get_page(request.GET.get("page"))
    rows: list[Any] = list(page.object_list)
    ids = {row.actor for row in rows if row.actor} | {
        pk for row in rows if (pk := _person_id(row.target)) is not None
    }
    people = {person.pk: person for person in User.objects.filter(pk__in=ids)}
    names = {pk: person.display_name for pk, person in people.items()}
    present = {pk for pk, person in people.items() if person.removed_at is None}
    context = {
        "page_title": _("Security events"),
        "page": page,
        "kind": kind,
        "kinds": labels.items(),
        "rows": [
            {
                "event": row,
                "label": labels.get(row.kind, row.kind),
                "actor": names.get(row.actor, _("Nobody signed in") if not row.actor else "—"),
                "target": names.get(_person_id(row.target) or NOBODY, ""),
                "target_id": pk if (pk := _person_id(row.target)) in present else None,
                "warning": row.kind in {"security.login_failed", "security.mfa_removed"},
            }
            for row in rows
        ],
    }
    return render(request, "identity/security.html", context)
