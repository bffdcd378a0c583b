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


@task(queue="mail", time_limit=120)
def send_notice(person: str, what: str, with_reason: bool) -> None:
    """Tell someone what was done to the account (``internal.notices``), if that still holds."""
    from tremplin.identity.internal.notices import send_notice as send

    send(UUID(person), what, with_reason=with_reason)


@task(queue="bulk", time_limit=600)
def run_bulk_action(action: str) -> None:
    """Go on with a confirmed action on many people; a second delivery finds nothing left to do."""
    from tremplin.identity.internal.bulk_run import carry_on

    if not carry_on(UUID(action)):
        from tremplin.api.tasks import enqueue

        enqueue(run_bulk_action, action=action)


@task(queue="default", time_limit=300)
def close_expired_accounts() -> None:
    """Close the temporary accounts that are over."""
    from tremplin.identity import services

    services.expire_accounts()


@task(queue="default", time_limit=300)
def forget_uploads() -> None:
    """Delete what nobody needs any more.

    Lists uploaded for an import and previews of bulk actions after a day, finished bulk actions
    after thirty, dead password reset tokens and sessions, and shares of objects that are gone.
    """
    from datetime import timedelta

    from allauth.usersessions.models import UserSession
    from django.conf import settings
    from django.contrib.sessions.models import Session
    from django.utils import timezone

    from tremplin.identity import sharing
    from tremplin.identity.models import BulkAction, ImportUpload, PasswordResetToken

    now = timezone.now()
    ImportUpload.objects.filter(created_at__lt=now - timedelta(days=1)).delete()
    BulkAction.objects.filter(state="preview", created_at__lt=now - timedelta(days=1)).delete()
    BulkAction.objects.filter(finished_at__lt=now - timedelta(days=30)).delete()
    PasswordResetToken.objects.filter(expires_at__lt=now).delete()
    Session.objects.filter(expire_date__lt=now).delete()
    age = timedelta(seconds=settings.SESSION_COOKIE_AGE)
    UserSession.objects.filter(last_seen_at__lt=now - age).delete()
    sharing.sweep()


@task(queue="default", time_limit=300)
def forget_tokens() -> None:
    """Delete the tokens of applications and of single sign-on that are over."""
    from tremplin.identity.api_access.revocation import forget_expired

    forget_expired()


@task(queue="default", time_limit=60)
def end_network_trial() -> None:
    """Record that a list on trial was not confirmed in time; it stopped acting by itself."""
    from tremplin.identity.network import service

    service.end_if_over()


@task(queue="mail", time_limit=60)
def send_device_notice(person: str, at: str, address: str, user_agent: str) -> None:
    """Tell a person that her account was opened with a browser never seen before."""
    from datetime import datetime

    from tremplin.identity import mails
    from tremplin.identity.models import User
    from tremplin.kernel.current import tenant_required

    found = User.objects.present().filter(pk=person, is_active=True).first()
    if found is None:
        return
    context = {"timestamp": datetime.fromisoformat(at), "ip": address, "user_agent": user_agent}
    locale = found.locale or tenant_required().locale
    mails.send("account/email/new_device", found.email, context, locale)


@task(queue="default", time_limit=60)
def end_support_visits() -> None:
    """End the visits of support whose thirty minutes are over; a request ends its own sooner."""
    from tremplin.identity.support import ending

    ending.finish_expired()


@task(queue="bulk", time_limit=900, suspended_ok=True)
def check_audit_log(run: str) -> None:
    """Recompute the chain of the audit log, as an administrator asked."""
    from tremplin.identity import audit_check

    audit_check.check(run)
