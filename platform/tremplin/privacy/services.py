"""Export and erasure of a person, and the retention rules."""

from __future__ import annotations

import io
import json
import logging
import zipfile
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from tremplin.api import Problem, services
from tremplin.identity.errors import IdentityError
from tremplin.kernel import audit, clock
from tremplin.privacy import sources
from tremplin.privacy.models import ErasureRequest

logger = logging.getLogger(__name__)
GRACE = timedelta(days=30)


def export_person(person: UUID) -> bytes:
    """Return a ZIP with everything the space keeps about a person (JSON and files).

    Raises ``Problem`` 404 when the person is not of this space.
    """
    if services.people().get(person) is None:
        raise Problem(404, "person_not_found", "This person is not in this space.")
    ctx = services.contexts().for_person(person)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for source in sources.every():
            for file in source.keeper.export(ctx, person):
                content = file.content
                if content is None:
                    text = json.dumps(
                        file.data, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2
                    )
                    content = text.encode("utf-8")
                archive.writestr(f"{source.module}/{file.name.split('/', 1)[-1]}", content)
    audit.record("privacy.exported", target=str(person))
    return target.getvalue()


def request_erasure(person: UUID) -> ErasureRequest:
    """Plan the erasure of a person after the grace period; asking twice changes nothing."""
    now = clock.now()
    with transaction.atomic():
        request, created = ErasureRequest.objects.get_or_create(
            person_id=person,
            cancelled_at=None,
            done_at=None,
            defaults={"asked_at": now, "due_at": now + GRACE},
        )
        if created:
            audit.record("privacy.erasure_requested", target=str(person))
    return request


def cancel_erasure(person: UUID) -> bool:
    """Cancel the open request of a person and return whether there was one."""
    with transaction.atomic():
        cancelled = ErasureRequest.objects.filter(
            person_id=person, cancelled_at=None, done_at=None
        ).update(cancelled_at=clock.now())
        if cancelled:
            audit.record("privacy.erasure_cancelled", target=str(person))
    return bool(cancelled)


def erase_person(person: UUID) -> int:
    """Erase a person from every module and the core, in one transaction; return the rows touched."""
    return _erase(person, sources.every())


def erase_contributions(person: UUID) -> None:
    """Erase everything but the account itself, whose owner is ``identity``."""
    _erase(person, (source for source in sources.every() if source.module != "identity"))


def _erase(person: UUID, keepers: Iterable[sources.Source]) -> int:
    ctx = services.contexts().current()
    with transaction.atomic():
        rows = sum(source.keeper.erase(ctx, person) for source in keepers)
        audit.record("privacy.erased", target=str(person), data={"rows": rows})
    return rows


def run_due_erasures() -> int:
    """Erase the persons whose grace period is over and return how many.

    A person who cannot be erased (she became the owner meanwhile) keeps her request open and does
    not hold the others up.
    """
    done = 0
    due = ErasureRequest.objects.filter(
        cancelled_at=None, done_at=None, due_at__lte=clock.now()
    ).values_list("pk", "person_id")
    for key, person in list(due):
        try:
            done += _run_erasure(key, person)
        except IdentityError as refused:
            logger.warning("erasure %s is refused: %s", key, refused.code)
    return done


def _run_erasure(key: UUID, person: UUID) -> int:
    with transaction.atomic():
        request = ErasureRequest.objects.select_for_update().get(pk=key)
        if request.done_at or request.cancelled_at:
            return 0
        request.rows_erased = erase_person(person)
        request.done_at = clock.now()
        request.save(update_fields=["rows_erased", "done_at"])
    return 1


def apply_retention() -> dict[str, int]:
    """Delete what is older than each keeper's rule and return the rows removed by module.

    A keeper with several rules gets the longest: it is the only one under which nothing is deleted
    before its own term; shorter terms inside a module are the module's scheduled work.
    """
    ctx = services.contexts().current()
    removed: dict[str, int] = {}
    for source in sources.every():
        days = [line.retention_days for line in source.keeper.describe() if line.retention_days]
        if days:
            before = clock.now() - timedelta(days=max(days))
            with transaction.atomic():
                rows = source.keeper.retain(ctx, before)
            removed[source.module] = removed.get(source.module, 0) + rows
    return removed
