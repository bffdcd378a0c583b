"""Reads of the audit log for people: filters, pages by key, words instead of codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from tremplin.identity import selectors
from tremplin.identity.models import User
from tremplin.kernel import addresses
from tremplin.kernel.models import AuditEvent

PAGE_SIZE = 50
# A search for a person that fits more people than this is too vague to be useful.
MOST_PEOPLE = 200
SECURITY = Q(kind__startswith="security.") | Q(kind__startswith="people.")
WARNINGS = frozenset(
    {
        "security.login_failed",
        "security.mfa_removed",
        "security.mfa_failed",
        "security.network_refused",
        "security.networks_cleared",
        "security.networks_rolled_back",
        "security.audit_broken",
        "security.token_reused",
    }
)


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What the reader asked for; empty values do not filter. Dates are days of the space."""

    kind: str = ""
    person: str = ""
    address: str = ""
    since: date | None = None
    until: date | None = None

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> AuditFilter:
        """Return the filter of a query string; what cannot be read does not filter."""
        return cls(
            kind=_plain(values.get("kind"))[:120],
            person=_plain(values.get("person"))[:120],
            address=_plain(values.get("address"))[:60],
            since=_day(values.get("since")),
            until=_day(values.get("until")),
        )

    def query(self) -> dict[str, str]:
        """Return what makes this filter, without what is empty."""
        values = {
            "kind": self.kind,
            "person": self.person,
            "address": self.address,
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
        }
        return {name: value for name, value in values.items() if value}

    def __bool__(self) -> bool:
        return bool(self.query())


def _plain(value: object) -> str:
    return str(value or "").replace("\x00", "").strip()


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(_plain(value))
    except ValueError:
        return None


def matching(
    wanted: AuditFilter, *, timezone: str, security_only: bool = False
) -> QuerySet[AuditEvent]:
    """Return the events of the current space that match, in no order.

    A kind that ends with a dot matches every kind that it begins.
    """
    rows: QuerySet[AuditEvent] = AuditEvent.objects.all()
    if wanted.kind.endswith("."):
        rows = rows.filter(kind__startswith=wanted.kind)
    elif wanted.kind:
        rows = rows.filter(kind=wanted.kind)
    if security_only and not wanted.kind.startswith(("security.", "people.")):
        rows = rows.filter(SECURITY)
    if wanted.person:
        ids = _people(wanted.person)
        rows = rows.filter(Q(actor__in=ids) | Q(target__in=[f"person:{pk}" for pk in ids]))
    if wanted.address:
        rows = rows.filter(address=_address(wanted.address))
    zone = ZoneInfo(timezone)
    if wanted.since:
        rows = rows.filter(at__gte=datetime.combine(wanted.since, time.min, zone))
    if wanted.until and wanted.until < date.max:
        end = datetime.combine(wanted.until + timedelta(days=1), time.min, zone)
        rows = rows.filter(at__lt=end)
    return rows


def _people(text: str) -> list[UUID]:
    """Return whom ``text`` names: an id, an e-mail address or words of a name."""
    try:
        return [UUID(text)]
    except ValueError:
        found = selectors.people(selectors.PeopleFilter(text=text))
        return list(found.values_list("pk", flat=True)[:MOST_PEOPLE])


def _address(text: str) -> str:
    try:
        return str(addresses.parse(text))
    except ValueError:
        return text


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: older than ``before``, or newer than ``after`` (ids, not included)."""

    before: int = 0
    after: int = 0

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Cursor:
        """Return the cursor of a query string; what cannot be read is the first page."""
        return cls(_number(values.get("before")), _number(values.get("after")))


def _number(value: object) -> int:
    text = _plain(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


@dataclass(frozen=True, slots=True)
class EventPage:
    """Fifty events, newest first, and the queries of its neighbours (empty: there is none)."""

    rows: list[AuditEvent]
    newer: str
    older: str


def page(rows: QuerySet[AuditEvent], cursor: Cursor, query: Mapping[str, str]) -> EventPage:
    """Return one page by key: as fast at the end of the log as at its beginning."""
    if cursor.after:
        found = list(rows.filter(id__gt=cursor.after).order_by("id")[: PAGE_SIZE + 1])
        has_newer, has_older = len(found) > PAGE_SIZE, True
        found = found[:PAGE_SIZE][::-1]
    else:
        chosen = rows.filter(id__lt=cursor.before) if cursor.before else rows
        found = list(chosen.order_by("-id")[: PAGE_SIZE + 1])
        has_newer, has_older = bool(cursor.before), len(found) > PAGE_SIZE
        found = found[:PAGE_SIZE]
    if not found:
        return EventPage([], "", "")
    return EventPage(
        found,
        urlencode({**query, "after": found[0].id}) if has_newer else "",
        urlencode({**query, "before": found[-1].id}) if has_older else "",
    )


def kinds() -> list[str]:
    """Return the kinds that the log holds, read from its index by leaps."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE leap(kind) AS ("
            " (SELECT kind FROM kernel_auditevent ORDER BY kind LIMIT 1) UNION ALL"
            " SELECT (SELECT kind FROM kernel_auditevent WHERE kind > leap.kind"
            " ORDER BY kind LIMIT 1) FROM leap WHERE leap.kind IS NOT NULL)"
            " SELECT kind FROM leap WHERE kind IS NOT NULL"
        )
        return [row[0] for row in cursor.fetchall()]


def person_of(target: str) -> UUID | None:
    """Return the person that a target names, if it names one."""
    try:
        return UUID(target.removeprefix("person:"))
    except ValueError:
        return None


def shown(rows: list[AuditEvent], labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the rows with names and words, two queries at most however many they are."""
    ids = {row.actor for row in rows if row.actor}
    ids |= {pk for row in rows if (pk := person_of(row.target)) is not None}
    people = {person.pk: person for person in User.objects.filter(pk__in=ids)} if ids else {}
    return [_shown(row, labels, people) for row in rows]


def _shown(
    row: AuditEvent, labels: Mapping[str, str], people: Mapping[UUID, User]
) -> dict[str, Any]:
    actor = people.get(row.actor) if row.actor else None
    target_id = person_of(row.target)
    target = people.get(target_id) if target_id else None
    return {
        "event": row,
        "label": labels.get(row.kind, row.kind),
        "actor": actor.display_name if actor else _capacity(row),
        "actor_id": actor.pk if actor and actor.removed_at is None else None,
        "target": target.display_name if target else row.target.removeprefix("person:"),
        "target_id": target.pk if target and target.removed_at is None else None,
        "details": details(row.data),
        "warning": row.kind in WARNINGS,
    }


def _capacity(row: AuditEvent) -> str:
    """Say who acted when it is no present person of the space."""
    words = {
        "anonymous": _("Nobody signed in"),
        "system": _("The platform"),
        "task": _("The platform"),
        "command": _("The operator"),
        "support": _("Support"),
    }
    if row.actor:
        return words.get(row.actor_label, "—")
    return words.get(row.actor_label, row.actor_label or "—")


def details(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the data of an event as (name, value) in words; nested names are joined."""
    found: list[tuple[str, str]] = []
    for name, value in sorted(data.items()):
        if name == "run":
            continue  # ties a question to its answer; says nothing to a reader
        label = _names().get(name, name.replace("_", " "))
        if isinstance(value, dict):
            found += [(f"{label} · {inner}", text) for inner, text in details(value)]
        else:
            found.append((label, _text(value)))
    return found


def _text(value: object) -> str:
    if value is None:
        return "—"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value) or "—"
    return str(value)


def _names() -> dict[str, str]:
    return {
        "added": _("added"),
        "after": _("after"),
        "apply_to": _("bounds"),
        "before": _("before"),
        "by": _("by"),
        "count": _("number"),
        "fields": _("settings"),
        "host": _("host"),
        "known": _("known account"),
        "networks": _("networks"),
        "reason": _("reason"),
        "removed": _("removed"),
        "roles": _("roles"),
        "rows": _("rows"),
        "type": _("type"),
        "until": _("until"),
    }
