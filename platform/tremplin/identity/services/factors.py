"""Second factors that were lost: an administrator takes them away so that the person starts again."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.utils.translation import gettext as _

from tremplin.identity.errors import IdentityError
from tremplin.identity.models import User
from tremplin.identity.services.record import audit, target
from tremplin.identity.services.sessions import end_sessions

REASONS = ("lost", "replaced", "suspicion", "other")


@transaction.atomic
def reset_second_factor(person: User, reason: str) -> int:
    """Delete the authenticator app, passkeys and recovery codes of ``person``; tell her by mail.

    Every session and token ends with them: whoever held the lost device is out too. Returns the
    number of factors deleted. ``reason`` is one of ``REASONS``. Raises ``IdentityError``
    ``reason_required`` or ``no_factor``.
    """
    if reason not in REASONS:
        raise IdentityError("reason_required", _("Give a reason: it stays in the audit log."))
    # Whoever is adding a factor right now waits for this transaction, or is seen by it.
    User.objects.select_for_update().get(pk=person.pk)
    found = Authenticator.objects.filter(user=person)
    kinds = sorted(str(kind) for kind in found.values_list("type", flat=True))
    if not kinds:
        raise IdentityError("no_factor", _("This person has no second factor to reset."))
    found.delete()
    ended = end_sessions(person)
    audit(
        "security.mfa_cleared",
        target=target(person),
        data={"factors": kinds, "sessions": ended, "reason": reason},
    )
    _tell(person)
    return len(kinds)


def _tell(person: User) -> None:
    from tremplin.api.tasks import enqueue
    from tremplin.identity import tasks

    enqueue(tasks.send_notice, person=str(person.pk), what="factor_reset", with_reason=False)
