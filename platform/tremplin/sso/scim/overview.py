"""What the console shows of the directory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from tremplin.identity import roles
from tremplin.identity.api_access import keys
from tremplin.identity.models import ApiKey, Cohort
from tremplin.kernel import clock
from tremplin.kernel.models import AuditEvent
from tremplin.sso.models import CohortRole, ScimRecord
from tremplin.sso.scim.authentication import SCOPE

SHOWN_REFUSALS = 10
REFUSALS_FOR = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Figures:
    """How many resources the directory manages, and when it last called and changed something."""

    users: int
    groups: int
    without_address: int
    last_change: datetime | None
    last_call: datetime | None


def figures() -> Figures:
    """Return the figures of the page (2 queries)."""
    is_user = Q(resource_type="User")
    found: dict[str, Any] = ScimRecord.objects.aggregate(
        users=Count("pk", filter=is_user),
        groups=Count("pk", filter=~is_user),
        without_address=Count("pk", filter=is_user & Q(user=None)),
        last_change=Max("updated_at"),
    )
    called = ApiKey.objects.filter(scopes__contains=[SCOPE]).aggregate(at=Max("last_used_at"))
    return Figures(last_call=called["at"], **found)


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One token of the directory; ``problem`` says in words why it does not work."""

    key: ApiKey
    problem: str
    former_until: datetime | None


def tokens() -> list[TokenRow]:
    """Return the tokens that were not revoked, newest first."""
    now = timezone.now()
    rows = ApiKey.objects.filter(scopes__contains=[SCOPE], revoked_at=None)
    return [
        TokenRow(
            key,
            _problem(key, now),
            key.previous_until if key.previous_until and key.previous_until > now else None,
        )
        for key in rows.select_related("created_by").order_by("-created_at")
    ]


def _problem(key: ApiKey, now: datetime) -> str:
    if key.expires_at is not None and key.expires_at <= now:
        return _("Expired")
    if not keys.is_present(key.created_by):
        return _("Stopped: the account of its creator is closed")
    if not keys.allows(key, SCOPE):
        return _("Stopped: its creator may no longer set up single sign-on")
    return ""


def token(prefix: str) -> ApiKey | None:
    """Return a token of the directory that was not revoked, by its prefix."""
    return ApiKey.objects.filter(prefix=prefix, scopes__contains=[SCOPE], revoked_at=None).first()


@dataclass(frozen=True, slots=True)
class MappingRow:
    """One line of the table from groups to roles."""

    mapping: CohortRole
    role: str


def mappings() -> list[MappingRow]:
    """Return the table from groups to roles, by group."""
    rows = CohortRole.objects.select_related("cohort").order_by("cohort__name", "role")
    return [MappingRow(row, roles.label(row.role)) for row in rows]


def group_cohorts() -> Any:
    """Return the cohorts that are groups of the directory, by name."""
    return Cohort.objects.filter(scim_record__isnull=False).order_by("name")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request of the directory that was refused, in words."""

    at: datetime
    action: str
    reason: str


def refusals() -> list[Refusal]:
    """Return the last refused requests, newest first."""
    rows = AuditEvent.objects.filter(
        kind="security.directory_refused", at__gte=clock.now() - REFUSALS_FOR
    ).order_by("-id")
    return [Refusal(row.at, _action(row.data), _reason(row.data)) for row in rows[:SHOWN_REFUSALS]]


def _action(data: dict[str, Any]) -> str:
    is_group = data.get("endpoint") == "Groups"
    method = data.get("method")
    if data.get("endpoint") == "Bulk":
        return _("Several changes at once")
    if method == "POST":
        return _("Create a group") if is_group else _("Create a user")
    if method == "DELETE":
        return _("Delete a group") if is_group else _("Delete a user")
    return _("Change a group") if is_group else _("Change a user")


def _reason(data: dict[str, Any]) -> str:
    by_code = {
        "uniqueness": _("The name or e-mail address is already taken by someone else."),
        "invalidValue": _("A value is missing or not accepted; the directory’s log says which."),
        "invalidFilter": _("The filter of the request is malformed or too long."),
        "invalidSyntax": _("The request is not valid SCIM."),
        "invalidPath": _("The request names an attribute that does not exist."),
        "noTarget": _("The request changes an entry that does not exist."),
        "tooMany": _("The request reads too many people at once."),
        "mutability": _("The request changes an attribute that cannot change."),
    }
    by_status = {
        403: _(
            "Refused for safety: the owner, the last administrator and administrators’ addresses "
            "are changed here only, and the token needs its creator’s right."
        ),
        404: _("The person or group is not known here any more; the directory creates it again."),
        412: _("Someone changed it in the meantime; the directory tries again."),
        413: _("The request is too large."),
    }
    return (
        by_code.get(str(data.get("code", "")))
        or by_status.get(int(data.get("status", 0)))
        or _("The request failed (status %(status)s).") % {"status": data.get("status", "")}
    )
