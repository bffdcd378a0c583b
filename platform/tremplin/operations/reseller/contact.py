"""Requests for help: from those who run a space to whoever supports it first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils import translation
from django.utils.translation import gettext as _

from tenants import registry
from tenants.branding import support
from tenants.branding.mail import Letter, compose
from tremplin.api import Problem
from tremplin.kernel import audit, throttle

if TYPE_CHECKING:
    from tenants.branding.support import Contact
    from tenants.registry import TenantInfo

PER_HOUR = 10


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody who runs a space asks; ``email`` is where the answer goes."""

    subject: str
    message: str
    name: str
    email: str


def ask(tenant: TenantInfo, request: Request) -> Contact:
    """Send a request to the first level: the reseller of a client, else the platform.

    Nothing of it is stored. Raises ``Problem`` 404 when nobody answers (the platform itself) and
    429 after ten requests in an hour.
    """
    contact = support.first_level(tenant)
    if contact is None:
        raise Problem(404, "no_support", _("Nobody supports this space."))
    if throttle.hit("support_request", request.email, limit=PER_HOUR, seconds=3600) is not None:
        raise Problem(429, "too_many_requests", _("Too many requests in an hour. Try again later."))
    with translation.override(_language_of(tenant)):
        letter = Letter(
            _("%(space)s asks: %(subject)s") % {"space": tenant.name, "subject": request.subject},
            [
                *(part.strip() for part in request.message.split("\n\n") if part.strip()),
                _("%(name)s (%(email)s) wrote this from %(url)s and reads your answer.")
                % {
                    "name": request.name,
                    "email": request.email,
                    "url": registry.absolute_url(tenant, "/"),
                },
            ],
        )
        message = compose(contact.email, letter)
    message.reply_to = [request.email]
    message.send()
    audit.record("support.asked", data={"to_reseller": contact.is_reseller})
    return contact


def _language_of(tenant: TenantInfo) -> str:
    """Return the language of who reads: the reseller's, or the platform's."""
    reader = registry.by_pk(tenant.reseller_pk) if tenant.reseller_pk is not None else registry.hq()
    return reader.locale if reader is not None else tenant.locale
