"""Mails sent in the background."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import override

from tenants.branding.mail import Action, Letter, compose
from tremplin.api import services
from tremplin.api.tasks import task
from tremplin.identity.normalise import is_reachable
from tremplin.kernel import clock
from tremplin.kernel.current import tenant_required
from tremplin.notifications.models import Notification


@task(queue="mail", time_limit=120)
def send_mails(notifications: list[str]) -> int:
    """Mail the given messages that were not mailed yet and return how many were sent.

    The row is locked while its mail goes out and marked in the same transaction, so that a second
    delivery of the task sends nothing twice.
    """
    sent = 0
    for key in notifications:
        with transaction.atomic():
            row = (
                Notification.objects.select_for_update(skip_locked=True, of=("self",))
                .select_related("person")
                .filter(pk=key, mailed_at__isnull=True, person__is_active=True)
                .first()
            )
            if row is None:
                continue
            if is_reachable(row.person.email):
                _mail(row)
            row.mailed_at = clock.now()
            row.save(update_fields=["mailed_at"])
            sent += 1
    return sent


def _mail(row: Notification) -> None:
    tenant = tenant_required()
    with override(row.person.locale or tenant.locale):
        action = None
        if row.url:
            address = services.tenancy().absolute_url(tenant, row.url)
            action = Action(row.action or row.title, address)
        compose(row.person.email, Letter(row.title, [row.body] if row.body else [], action)).send()
