"""Trials, of a module alone or of a whole plan, and how they ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tremplin.billing.models import Subscription
from tremplin.licensing.models import Trial


@dataclass(frozen=True, slots=True)
class TrialFact:
    """A trial that is decided: when, and whether it became a paid subscription."""

    tenant_id: int
    decided_at: datetime
    is_converted: bool


def decided(now: datetime) -> list[TrialFact]:
    """Return the trials that are over, in two queries.

    - A module tried by itself converts at the instant at which the space bought it; otherwise it
      is decided, not converted, at its end.
    - A subscription that began with a trial converts when a paid period follows; one that ended by
      the end of its trial did not convert. A trial that is over while its first period has not
      begun yet (the renewal is about to run) still counts as running.
    """
    found = [
        TrialFact(tenant, converted or ends, converted is not None)
        for tenant, ends, converted in Trial.objects.values_list(
            "tenant_id", "ends_at", "converted_at"
        )
        if converted is not None or ends <= now
    ]
    rows = Subscription.objects.exclude(trial_end=None).only(
        "tenant_id", "trial_end", "period_end", "ended_at"
    )
    for row in rows:
        assert row.trial_end is not None  # noqa: S101  by the query
        if row.ended_at is not None and row.ended_at <= row.trial_end:
            found.append(TrialFact(row.tenant_id, row.ended_at, False))
        elif row.trial_end <= now and row.period_end > row.trial_end:
            found.append(TrialFact(row.tenant_id, row.trial_end, True))
    return found
