"""The check of the whole chain as background work: asked, under way, done, all in the log itself.

The log is the one place that nobody can edit, so the question and the answer are events of it. The
number of rows read so far is kept in the cache, for the eyes of who waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from tremplin.api.tasks import enqueue
from tremplin.kernel import audit, clock
from tremplin.kernel.cache import CacheUnavailable, TenantCache
from tremplin.kernel.models import AuditEvent

ASKED, CHECKED, BROKEN = (
    "security.audit_check_asked",
    "security.audit_checked",
    "security.audit_broken",
)
LOST_AFTER = timedelta(minutes=15)
_PROGRESS_SECONDS = 900
_cache = TenantCache()


@dataclass(frozen=True, slots=True)
class LastCheck:
    """The last check: ``state`` is ``running``, ``ok``, ``broken`` or ``lost``."""

    state: str
    asked_at: datetime
    rows: int = 0
    percent: int | None = None
    broken_id: int | None = None
    reason: str = ""


def ask() -> str:
    """Ask for a check unless one is under way; return the code of the run (empty: one is)."""
    from tremplin.identity.tasks import check_audit_log

    last = last_check()
    if last is not None and last.state == "running":
        return ""
    run = uuid4().hex
    audit.record(ASKED, data={"run": run})
    enqueue(check_audit_log, run=run)
    return run


def check(run: str) -> bool:
    """Recompute the chain and record what was found; a second delivery does nothing."""
    if _answers(run) is not None:
        return False
    total = max(1, AuditEvent.objects.count())

    def progress(done: int) -> None:
        try:
            _cache.set(f"audit.check.{run}", min(99, done * 100 // total), _PROGRESS_SECONDS)
        except CacheUnavailable:
            return  # only the bar stands still

    report = audit.verify(progress)
    if report.ok:
        audit.record(CHECKED, data={"run": run, "rows": report.rows})
    else:
        audit.record(
            BROKEN,
            data={
                "run": run,
                "rows": report.rows,
                "broken_id": report.broken_id,
                "reason": report.reason,
            },
        )
    return True


def last_check() -> LastCheck | None:
    """Return the last check that was asked for, None when there never was one."""
    asked = AuditEvent.objects.filter(kind=ASKED).order_by("-id").first()
    if asked is None:
        return None
    run = str(asked.data.get("run", ""))
    found = _answers(run)
    if found is None:
        if clock.now() - asked.at > LOST_AFTER:
            return LastCheck("lost", asked.at)
        return LastCheck("running", asked.at, percent=_percent(run))
    rows = int(found.data.get("rows", 0))
    if found.kind == CHECKED:
        return LastCheck("ok", asked.at, rows)
    return LastCheck(
        "broken",
        asked.at,
        rows,
        broken_id=found.data.get("broken_id"),
        reason=str(found.data.get("reason", "")),
    )


def _answers(run: str) -> AuditEvent | None:
    found: AuditEvent | None = (
        AuditEvent.objects.filter(kind__in=[CHECKED, BROKEN], data__run=run).order_by("-id").first()
    )
    return found


def _percent(run: str) -> int | None:
    try:
        value = _cache.get(f"audit.check.{run}")
    except CacheUnavailable:
        return None
    return int(value) if value is not None else None
