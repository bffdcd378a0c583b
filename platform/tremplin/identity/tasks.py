"""Background work of identity: mails of invitations, end of temporary accounts."""

from __future__ import annotations

from uuid import UUID

from tremplin.api.tasks import task


@task(queue="mail", time_limit=300)
def send_invitations(invitations: list[str]) -> None:
    """Mail the invitations that are still open and were not mailed; twice equals once."""
    from tremplin.identity.internal.invitation_mail import send_invitation

    for pk in invitations:
        send_invitation(UUID(pk))


@task(queue="default", time_limit=300)
def close_expired_accounts() -> None:
    """Close the temporary accounts that are over."""
    from tremplin.identity import services

    services.expire_accounts()


@task(queue="default", time_limit=300)
def forget_uploads() -> None:
    """Delete lists uploaded for an import more than a day ago and dead password reset tokens."""
    from datetime import timedelta

    from django.utils import timezone

    from tremplin.identity.models import ImportUpload, PasswordResetToken

    now = timezone.now()
    ImportUpload.objects.filter(created_at__lt=now - timedelta(days=1)).delete()
    PasswordResetToken.objects.filter(expires_at__lt=now).delete()
