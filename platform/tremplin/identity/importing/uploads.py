"""Uploaded lists wait on the server between the check and the import, for one session."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tremplin.identity.errors import IdentityError
from tremplin.identity.importing.apply import Imported, import_people
from tremplin.identity.importing.plan import Plan, make_plan
from tremplin.identity.importing.reading import Sheet, read_sheet
from tremplin.identity.models import ImportUpload, User

KEPT = 3


def session_hash(session_key: str | None) -> str:
    """Return what ties an upload to a session without storing its key."""
    return hashlib.sha256(f"import:{session_key or ''}".encode()).hexdigest()


@transaction.atomic
def keep(
    person: User,
    session_key: str | None,
    *,
    name: str,
    content: bytes,
    default_role: str,
    default_cohort: str,
) -> ImportUpload:
    """Store an upload; only the person's three latest ones stay."""
    upload = ImportUpload.objects.create(
        person=person,
        session_hash=session_hash(session_key),
        name=name[:200],
        content=content,
        default_role=default_role,
        default_cohort=default_cohort[:120],
    )
    recent = ImportUpload.objects.filter(person=person).order_by("-created_at", "-id")
    stale = list(recent.values_list("pk", flat=True)[KEPT:])
    ImportUpload.objects.filter(pk__in=stale).delete()
    return upload


def find(pk: UUID, person: User, session_key: str | None) -> ImportUpload | None:
    """Return the upload if this person made it in this session."""
    return ImportUpload.objects.filter(
        pk=pk, person=person, session_hash=session_hash(session_key)
    ).first()


def plan_of(upload: ImportUpload, *, kind: str, allowed_roles: Iterable[str]) -> tuple[Sheet, Plan]:
    """Return the cells of an upload and what importing them would do now.

    Raises ``IdentityError`` when the file cannot be read.
    """
    sheet = read_sheet(bytes(upload.content))
    return sheet, _plan(sheet, upload, kind, allowed_roles)


def _plan(
    sheet: Sheet,
    upload: ImportUpload,
    kind: str,
    allowed_roles: Iterable[str],
    *,
    lock: bool = False,
) -> Plan:
    return make_plan(
        sheet,
        kind=kind,
        allowed_roles=allowed_roles,
        default_role=upload.default_role,
        default_cohort=upload.default_cohort,
        lock=lock,
    )


def apply(
    upload: ImportUpload, *, kind: str, allowed_roles: Iterable[str], person: User
) -> Imported:
    """Import an upload once; a second click is refused.

    Raises ``IdentityError`` ``already_imported`` or ``changed_meanwhile``.
    """
    allowed = frozenset(allowed_roles)
    sheet = read_sheet(bytes(upload.content))
    try:
        with transaction.atomic():
            locked = ImportUpload.objects.select_for_update().get(pk=upload.pk)
            if locked.applied_at is not None:
                raise IdentityError("already_imported", _("This list was already imported."))
            done = import_people(_plan(sheet, locked, kind, allowed, lock=True), invited_by=person)
            locked.applied_at = timezone.now()
            locked.save(update_fields=["applied_at"])
    except IntegrityError as error:
        raise IdentityError(
            "changed_meanwhile",
            _("Someone added one of these people meanwhile. Check the list again."),
        ) from error
    return done
