"""Mails that tell someone about the state of the account."""

from __future__ import annotations

from uuid import UUID

from tremplin.identity import mails
from tremplin.identity.models import User
from tremplin.kernel.current import tenant_required


def send_notice(pk: UUID, what: str, *, with_reason: bool) -> bool:
    """Mail the notice when it is still true; returns whether a mail left.

    ``what`` is ``suspended``, ``resumed`` or ``factor_reset``. The reason is read now, from the
    account.
    """
    person = User.objects.present().filter(pk=pk, is_active=what != "suspended").first()
    if person is None:
        return False
    context = {"person": person, "reason": person.suspended_reason if with_reason else ""}
    locale = person.locale or tenant_required().locale
    return mails.send(f"account/email/{what}", person.email, context, locale)
