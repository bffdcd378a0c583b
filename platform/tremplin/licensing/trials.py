"""Another trial of a module, given by the reseller of a space or by the operator, with its reason."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from tenants.context import use
from tenants.registry import TenantInfo
from tremplin.api import Problem, services
from tremplin.kernel import audit, clock
from tremplin.kernel.registry import manifest_of
from tremplin.licensing import services as licensing
from tremplin.licensing import snapshots
from tremplin.licensing.models import License, Trial

LONGEST_DAYS = 90
REASON = (5, 300)


@transaction.atomic
def grant_another(
    tenant: TenantInfo,
    module: str,
    *,
    by: TenantInfo,
    reason: str,
    days: int = licensing.TRIAL_DAYS,
) -> License:
    """Open ``module`` for ``days`` more although it was tried before; ``by`` is who gives it.

    Written in the audit log of both spaces. Raises ``Problem``: 404 for a space that is no client
    of ``by`` or a module that is not installed, 409 while the module is open (paid or on trial),
    422 for the days (1 to 90) or the reason (5 to 300 characters).
    """
    is_seller = by.kind == "reseller" and tenant.reseller_pk == by.pk
    if not (is_seller or by.kind == "hq") or manifest_of(module) is None:
        raise Problem(404, "not_found", _("Not found."))
    text = reason.strip()
    if not 1 <= days <= LONGEST_DAYS:
        raise Problem(
            422, "bad_days", _("Give 1 to %(most)s days.") % {"most": LONGEST_DAYS},
            {"min": 1, "max": LONGEST_DAYS},
        )  # fmt: skip
    if not REASON[0] <= len(text) <= REASON[1]:
        raise Problem(422, "bad_reason", _("Say why, in 5 to 300 characters."))
    with services.tenancy().public_write("licence"):
        # Two people of the reseller at once: the second finds the trial of the first.
        trial, _is_new = Trial.objects.select_for_update().get_or_create(
            tenant_id=tenant.pk,
            module=module,
            defaults={"started_at": clock.now(), "ends_at": clock.now()},
        )
        _refuse_open(tenant, module)
        now = clock.now()
        ends = now + timedelta(days=days)
        held = licensing.grant_module(
            tenant,
            module,
            source=License.Source.TRIAL,
            state=License.State.TRIALING,
            valid_until=ends,
        )
        trial.started_at, trial.ends_at, trial.license = now, ends, held
        trial.converted_at, trial.noticed = None, []
        trial.save()
    facts = {"module": module, "days": days, "until": ends.isoformat(), "reason": text}
    for space in (tenant, by):
        with use(space):
            audit.record(
                "licence.trial_given",
                target=f"tenant:{tenant.uuid}",
                data={**facts, "by": by.slug, "space": tenant.slug},
            )
    return held


def _refuse_open(tenant: TenantInfo, module: str) -> None:
    for licence in snapshots.running(tenant):
        if module in snapshots.modules_of(licence):
            raise Problem(409, "module_open", _("This space uses the module already."))
