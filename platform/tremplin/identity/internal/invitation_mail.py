"""Gives an invitation its token and mails it."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from tremplin.identity import mails, services
from tremplin.identity.models import Invitation
from tremplin.kernel.current import tenant_required


def send_invitation(pk: UUID) -> bool:
    """Mail the invitation unless it was mailed or closed; returns whether a mail left.

    The token is made here and stored as a hash in the same transaction: when sending fails, the
    transaction rolls back and the next try makes another token.
    """
    with transaction.atomic():
        invitation = Invitation.objects.select_for_update().filter(pk=pk).first()
        if invitation is None or invitation.sent_at is not None or not invitation.is_open():
            return False
        token, invitation.token_hash = services.new_token()
        invitation.sent_at = timezone.now()
        invitation.save(update_fields=["token_hash", "sent_at"])
        person = invitation.person
        context = {
            "person": person,
            "accept_url": mails.absolute_url(reverse("identity:invitation", args=[token])),
            "expires_at": invitation.expires_at,
        }
        locale = person.locale or tenant_required().locale
        mails.send("account/email/invitation", person.email, context, locale)
    return True
