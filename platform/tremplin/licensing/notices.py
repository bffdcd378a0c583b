"""Messages about quotas, trials, late payment and ended licences: each sent once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from math import ceil
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.utils import formats, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tenants.context import use
from tenants.registry import TenantInfo
from tremplin.api import services
from tremplin.api.tasks import enqueue
from tremplin.kernel import clock
from tremplin.kernel.registry import manifest_of
from tremplin.licensing import features, keeping, snapshots
from tremplin.licensing.compiling import Meter
from tremplin.licensing.errors import UPGRADE_PATH
from tremplin.licensing.models import License, Trial, UsageBucket

LEVELS = (80, 100, 120)
TRIAL_NOTICES = (("3_days", 3), ("1_day", 1))
LAST_NOTICE = f"licensing.kept_{keeping.NOTICES[-1]}"
USAGE_PATH = "/console/billing/usage/"
MODULES_PATH = "/console/modules/"


def level(counted: int, maximum: int | None) -> int:
    """Return the highest notice level that ``counted`` of ``maximum`` units has reached, 0 below."""
    if not maximum:
        return 0
    return max((step for step in LEVELS if counted * 100 >= maximum * step), default=0)


def note_crossing(tenant: TenantInfo, meter: Meter, bucket: int, before: int, after: int) -> None:
    """Queue the notice of a counter that has just reached 80, 100 or 120 %, after commit."""
    if level(after, meter.maximum) > level(before, meter.maximum):
        from tremplin.licensing import tasks

        with use(tenant):
            enqueue(tasks.warn_quota, bucket=bucket)


def warn_quota(tenant: TenantInfo, bucket: int) -> int:
    """Tell who is concerned that a meter is nearly or wholly used, once per period and level.

    A person's meter concerns the person, the space's meter its administrators. Returns how many
    people were told.
    """
    row = UsageBucket.objects.filter(pk=bucket, tenant_id=tenant.pk).first()
    meter = _meter_of(tenant, row) if row is not None else None
    if row is None or meter is None or meter.maximum is None:
        return 0
    counted = row.used + row.reserved
    reached = level(counted, meter.maximum)
    with transaction.atomic(), services.tenancy().public_write("notices"):
        if not UsageBucket.objects.filter(pk=bucket, warned_percent__lt=reached).update(
            warned_percent=reached
        ):
            return 0
        maximum = meter.maximum
        people = [UUID(row.subject)] if row.subject else _administrators()
        return services.notify().send(
            people,
            f"licensing.quota_{reached}",
            title=_in_languages(lambda: _quota_title(row.feature, counted, maximum)),
            body=_in_languages(lambda: _quota_body(reached, bool(row.subject))),
            url="/app/" if row.subject else USAGE_PATH,
            action=_in_languages(
                lambda: _("See what is left") if row.subject else _("See the usage")
            ),
        )


def _meter_of(tenant: TenantInfo, row: UsageBucket) -> Meter | None:
    held = snapshots.of(tenant).entitlements.get(row.feature)
    scope = "user" if row.subject else "tenant"
    return next((m for m in held.meters if m.scope == scope), None) if held else None


def label_of(feature: str) -> str:
    """Return the name of a feature in the current language."""
    found = features.declared().get(feature)
    language = translation.get_language() or "en"
    return found.label.in_language(language) if found is not None else feature


def _quota_title(feature: str, counted: int, maximum: int) -> str:
    return _("%(feature)s: %(used)s of %(limit)s used") % {
        "feature": label_of(feature),
        "used": counted,
        "limit": maximum,
    }


def _quota_body(reached: int, is_personal: bool) -> str:
    if reached < 100:
        return _("Most of this period is used. What is left stays available until it starts again.")
    if is_personal:
        return _("Nothing is left until the next period. Everything you did stays yours.")
    return _("Nothing is left until the next period, unless you choose a larger plan.")


# --- licences -----------------------------------------------------------------------------------


def send_due(tenant: TenantInfo) -> list[str]:
    """Send every notice about trials and licences that is due now; return their keys."""
    return [*_trials(tenant), *_licences(tenant), *_modules(tenant)]


def _trials(tenant: TenantInfo) -> list[str]:
    """Remind of a trial 3 days and 1 day before its end, and tell when it is over."""
    sent = []
    now = clock.now()
    for row in Trial.objects.filter(tenant_id=tenant.pk, converted_at=None):
        due = [key for key, days in TRIAL_NOTICES if row.ends_at - timedelta(days=days) <= now]
        last = "end" if row.ends_at <= now else (due[-1] if due else "")
        if not last or last in row.noticed:
            continue
        with transaction.atomic(), services.tenancy().public_write("notices"):
            locked = Trial.objects.select_for_update().get(pk=row.pk)
            if last in locked.noticed:
                continue
            # A reminder that comes too late is not sent after the one that replaced it.
            locked.noticed = [*due, *(["end"] if last == "end" else [])]
            locked.save(update_fields=["noticed"])
            _tell_trial(tenant, locked, now)
        sent.append(f"licensing.trial_{last}")
    return sent


def _tell_trial(tenant: TenantInfo, row: Trial, now: datetime) -> None:
    left = ceil((row.ends_at - now) / timedelta(days=1))
    _tell(
        "licensing.trial",
        lambda: _trial_title(row.module, left),
        lambda: _trial_body(tenant, row, left),
        f"{MODULES_PATH}{row.module}/",
        lambda: _("See the module"),
    )


def _trial_title(module: str, left: int) -> str:
    if left <= 0:
        return _("The trial of %(module)s is over") % {"module": module_name(module)}
    return ngettext(
        "The trial of %(module)s ends in %(count)s day",
        "The trial of %(module)s ends in %(count)s days",
        left,
    ) % {"module": module_name(module), "count": left}


def _trial_body(tenant: TenantInfo, row: Trial, left: int) -> str:
    if left <= 0:
        return _(
            "What was made stays readable and exportable for 30 days, and is kept for 90. Choose a "
            "plan to go on."
        )
    return _("It ends on %(date)s. Choose a plan to go on without a break: nothing is lost.") % {
        "date": _date(tenant, row.ends_at)
    }


_STATE_TEXTS = {
    "past_due": "licensing.past_due",
    "grace": "licensing.grace",
    "suspended": "licensing.suspended",
}


def _licences(tenant: TenantInfo) -> list[str]:
    sent = []
    for held in License.objects.select_related("plan_version__plan").filter(tenant_id=tenant.pk):
        if held.source == License.Source.TRIAL or _is_replaced(held):
            continue
        facts = snapshots.facts_of(held)
        found = snapshots.current_state(held)
        key = _STATE_TEXTS.get(found.state, "")
        if found.state == "ended" and found.since is not None:
            key = _kept(found.since)
        if not key or key in held.noticed:
            continue
        until = None
        if found.state == "ended" and found.since is not None:
            until = keeping.day_of(found.since, timedelta(days=facts.durations.keep))
        with transaction.atomic(), services.tenancy().public_write("notices"):
            if not _note(held, key, until, key == LAST_NOTICE):
                continue
            _tell_licence(tenant, key, partial(name_of, held), until)
        sent.append(key)
    return sent


def _modules(tenant: TenantInfo) -> list[str]:
    """Tell of modules that a smaller plan or the end of a trial has closed, one by one."""
    sent = []
    for item in keeping.lost(tenant):
        held = item.licence
        if held.source != License.Source.TRIAL and not _is_replaced(held):
            continue  # the notice of the licence speaks of all that it opened
        key = _kept(item.ended_at)
        if not key or f"{key}:{item.module}" in held.noticed:
            continue
        until = keeping.day_of(item.ended_at, item.keep)
        with transaction.atomic(), services.tenancy().public_write("notices"):
            name = f"{key}:{item.module}"
            if not _note(held, name, until, key == LAST_NOTICE, item.module):
                continue
            _tell_licence(tenant, key, partial(module_name, item.module), until)
        sent.append(f"{key}:{item.module}")
    return sent


def _kept(since: datetime) -> str:
    """Return the notice that is due about data kept since an instant, empty before the first."""
    past = (clock.now() - since).days
    reached = [days for days in keeping.NOTICES if past >= days]
    return f"licensing.kept_{reached[-1]}" if reached else ""


def _note(held: License, key: str, until: datetime | None, is_last: bool, module: str = "") -> bool:
    """Remember a notice, and with the last one the day that it names; False when it had left."""
    locked = License.objects.select_for_update(of=("self",)).get(pk=held.pk)
    if key in locked.noticed:
        return False
    locked.noticed = [*locked.noticed, key]
    if is_last and until is not None:
        locked.noticed.append(keeping.mark(until, module))
    locked.save(update_fields=["noticed"])
    return True


def _is_replaced(held: License) -> bool:
    """Tell whether the tenant has a later licence of the same thing: its data is not in danger."""
    return (
        License.objects.filter(
            tenant_id=held.tenant_id, module=held.module, created_at__gt=held.created_at
        )
        .exclude(pk=held.pk)
        .exists()
    )


def _tell_licence(
    tenant: TenantInfo, key: str, name: Callable[[], str], until: datetime | None
) -> None:
    titles: dict[str, Callable[[], str]] = {
        "licensing.past_due": lambda: _("%(name)s: a payment is late") % {"name": name()},
        "licensing.grace": lambda: _("%(name)s: last days before suspension") % {"name": name()},
        "licensing.suspended": lambda: _("%(name)s is suspended") % {"name": name()},
    }
    bodies: dict[str, Callable[[], str]] = {
        "licensing.past_due": lambda: _("Everything works. Pay the open invoice to keep it so."),
        "licensing.grace": lambda: _(
            "Nobody can be added until the open invoice is paid. In a week, the space becomes "
            "read-only."
        ),
        "licensing.suspended": lambda: _(
            "Everything can be read and exported, nothing can be changed. A payment restores it at "
            "once."
        ),
    }
    _tell(
        key,
        titles.get(
            key, lambda: _("%(name)s: your data is kept a little longer") % {"name": name()}
        ),
        bodies.get(
            key,
            lambda: (
                _("It is deleted on %(date)s. Export it, or choose a plan before.")
                % {"date": _date(tenant, until)}
            ),
        ),
        UPGRADE_PATH,
        lambda: _("See the plans"),
    )


def module_name(slug: str) -> str:
    """Return the name of a module in the current language, its slug when it is not installed."""
    manifest = manifest_of(slug)
    language = translation.get_language() or "en"
    return manifest.name.in_language(language) if manifest is not None else slug


def name_of(held: License) -> str:
    """Return the name of what a licence opens in the current language."""
    if held.module:
        return module_name(held.module)
    plan = held.plan_version.plan if held.plan_version is not None else None
    if plan is None:
        return ""
    language = translation.get_language() or "en"
    return plan.name_fr if language.startswith("fr") else plan.name_en


def over_limit(names: list[str], extra: int, closes_at: datetime, tenant: TenantInfo) -> None:
    """Announce who loses access when nobody is chosen before the date."""
    _tell(
        "licensing.over_limit",
        lambda: (
            ngettext(
                "%(count)s person more than your plan allows",
                "%(count)s people more than your plan allows",
                extra,
            )
            % {"count": extra}
        ),
        lambda: (
            _("Choose whom to remove before %(date)s. After that, these accounts close: %(names)s.")
            % {"date": _date(tenant, closes_at), "names": ", ".join(names)}
        ),
        "/console/billing/seats/",
        lambda: _("Choose"),
    )


def _date(tenant: TenantInfo, moment: datetime | None) -> str:
    if moment is None:
        return ""
    return formats.date_format(moment.astimezone(ZoneInfo(tenant.timezone)), "DATE_FORMAT")


def _tell(
    key: str,
    title: Callable[[], str],
    body: Callable[[], str],
    url: str,
    action: Callable[[], str],
) -> None:
    services.notify().send(
        _administrators(),
        key,
        title=_in_languages(title),
        body=_in_languages(body),
        url=url,
        action=_in_languages(action),
    )


def _administrators() -> list[UUID]:
    return [person.id for person in services.people().with_role("admin")]


def _in_languages(text: Callable[[], str]) -> dict[str, str]:
    found = {}
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            found[code] = text()
    return found
