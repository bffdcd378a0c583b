"""Changes of the allow-list: try, confirm, give up, clear. Nobody can lock himself out.

A list is refused when it excludes the address of who saves it. It then acts for ten minutes and
ends by itself, unless it is confirmed from an address that it allows.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils.translation import gettext as _

from tremplin.api import tasks as api_tasks
from tremplin.identity.errors import IdentityError
from tremplin.identity.identity_settings import IdentitySettings
from tremplin.identity.network.allow_list import (
    LARGEST,
    TRIAL_MODULE,
    NetworkTrial,
    Rules,
    canonical,
    state,
)
from tremplin.kernel import audit, clock, settings_store
from tremplin.kernel.current import tenant_required

TRIAL = timedelta(minutes=10)
REMINDER = "identity.networks"
_LOCK_CLASS = 0x7A0E77  # first key of the advisory lock that orders changes of one space's list


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_CLASS, tenant_required().pk])


def _as_data(rules: Rules) -> dict[str, object]:
    return {"networks": list(rules.networks), "apply_to": rules.apply_to}


def _store(rules: Rules) -> None:
    try:
        settings_store.write(
            "tenant",
            tenant_required(),
            "identity",
            {"allowed_networks": rules.networks, "networks_apply_to": rules.apply_to},
            model=IdentitySettings,
        )
    except settings_store.LockedSetting:
        raise _locked() from None


def _locked() -> IdentityError:
    return IdentityError(
        "networks_locked", _("Your provider sets the networks of this space: ask them.")
    )


def is_locked() -> bool:
    """Tell whether a level above the space keeps its list."""
    sources = settings_store.explain(IdentitySettings, tenant_required(), "identity")
    return any(
        sources[name].locked and sources[name].level != "tenant"
        for name in ("allowed_networks", "networks_apply_to")
    )


def _store_trial(rules: Rules | None, until: datetime | None) -> None:
    values: dict[str, object] = {"networks": None, "apply_to": None, "until": None}
    if rules is not None:
        values = {"networks": rules.networks, "apply_to": rules.apply_to, "until": until}
    settings_store.write("tenant", tenant_required(), TRIAL_MODULE, values, model=NetworkTrial)


def _close_over(now: datetime) -> bool:
    """Forget a trial that is over and record that the former list is back."""
    found = state()
    if found.trial is None or found.trial_runs(now):
        return False
    _store_trial(None, None)
    audit.record("security.networks_rolled_back", data=_as_data(found.confirmed))
    return True


def begin(rules: Rules, *, address: str) -> datetime | None:
    """Put ``rules`` on trial and return when it ends by itself; None when it acts for good.

    An empty list bounds nothing, so it acts at once. Raises ``IdentityError`` for a list that is
    not valid, excludes ``address``, or is kept by the provider of the space.
    """
    from tremplin.identity.tasks import end_network_trial

    chosen = Rules(tuple(dict.fromkeys(canonical(item) for item in rules.networks)), rules.apply_to)
    if len(chosen.networks) > LARGEST:
        raise IdentityError(
            "too_many_networks", _("Give at most %(limit)s ranges.") % {"limit": LARGEST}
        )
    if is_locked():
        raise _locked()
    if not chosen.allow(address):
        raise IdentityError(
            "own_address",
            _(
                "This list excludes your own address, %(address)s: you would be locked out. Add it "
                "to the list."
            )
            % {"address": address or "?"},
        )
    now = clock.now()
    with transaction.atomic():
        _lock()
        _close_over(now)
        before = state().confirmed
        if not chosen.networks:
            _store(chosen)
            _store_trial(None, None)
            api_tasks.forget(REMINDER)
            audit.record(
                "security.networks_changed",
                data={"before": _as_data(before), "after": _as_data(chosen)},
            )
            return None
        until = now + TRIAL
        _store_trial(chosen, until)
        api_tasks.remind(REMINDER, end_network_trial, due_at=until)
        audit.record("security.networks_tried", data={**_as_data(chosen), "until": until})
    return until


def confirm(*, address: str) -> Rules:
    """Keep the list on trial and return it.

    Raises ``IdentityError`` when the trial is over or when ``address`` is not one it allows.
    """
    now = clock.now()
    with transaction.atomic():
        _lock()
        found = state()
        if found.trial is None or not found.trial_runs(now):
            raise IdentityError(
                "trial_over",
                _("The ten minutes are over and the former list is back. Try the new one again."),
            )
        if not found.trial.allow(address):
            raise IdentityError(
                "own_address",
                _("Confirm from an address of the list: yours, %(address)s, is not one of them.")
                % {"address": address or "?"},
            )
        _store(found.trial)
        _store_trial(None, None)
        api_tasks.forget(REMINDER)
        audit.record(
            "security.networks_changed",
            data={"before": _as_data(found.confirmed), "after": _as_data(found.trial)},
        )
    return found.trial


def give_up() -> bool:
    """End the trial now; the former list acts again. Return whether there was a trial."""
    with transaction.atomic():
        _lock()
        if _close_over(clock.now()):
            api_tasks.forget(REMINDER)
            return True
        found = state()
        if found.trial is None:
            return False
        _store_trial(None, None)
        api_tasks.forget(REMINDER)
        audit.record("security.networks_rolled_back", data=_as_data(found.confirmed))
    return True


def end_if_over() -> bool:
    """Forget the trial when its time is over; return whether it did. Harmless twice."""
    with transaction.atomic():
        _lock()
        return _close_over(clock.now())


def clear(*, by: str) -> Rules:
    """Remove every bound at once (break-glass of the operator) and return what there was.

    ``by`` says in which capacity (``operator``). Raises ``IdentityError`` when a higher level
    locks the list: it must be changed there.
    """
    with transaction.atomic():
        _lock()
        found = state()
        before = found.in_force(clock.now())
        _store(Rules())
        _store_trial(None, None)
        api_tasks.forget(REMINDER)
        audit.record("security.networks_cleared", data={"before": _as_data(before), "by": by})
    return before
