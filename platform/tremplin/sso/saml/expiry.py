"""Certificates that are about to end: ours and those of the providers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _

from tenants.branding.mail import Action, Letter, compose
from tremplin.identity.mails import absolute_url
from tremplin.identity.models import SpaceOwner
from tremplin.kernel.cache import TenantCache
from tremplin.sso.models import Connection
from tremplin.sso.saml import keys

# Days before the end at which the owner is written to; the page warns from the first on.
WARNINGS = (30, 7, 1)


@dataclass(frozen=True, slots=True)
class Ending:
    """A certificate that ends soon, or has ended; ``days`` is then negative or zero."""

    label: str
    expires_at: datetime
    days: int


def endings() -> list[Ending]:
    """Return the certificates of the space that end within thirty days, soonest first."""
    now = timezone.now()
    limit = now + timedelta(days=WARNINGS[0])
    rows = [
        (connection.label, connection.certificate_expires_at)
        for connection in Connection.objects.filter(
            kind=Connection.Kind.SAML, certificate_expires_at__lt=limit
        )
    ]
    current = keys.published().get("current")
    if current is not None and current.expires_at < limit:
        rows.append((_("Key of your space"), current.expires_at))
    return sorted(
        (Ending(label, end, (end - now).days) for label, end in rows if end is not None),
        key=lambda row: row.expires_at,
    )


def warn() -> int:
    """Write to the owner 30, 7 and 1 day before an end; returns how many mails left."""
    owner = SpaceOwner.objects.select_related("person").first()
    if owner is None:
        return 0
    sent = 0
    with translation.override(owner.person.locale or translation.get_language() or "en"):
        for ending in endings():
            step = min((days for days in WARNINGS if ending.days <= days), default=None)
            key = f"sso:expiry:{ending.label}:{ending.expires_at:%Y%m%d}:{step}"
            if step is None or not TenantCache().add(key, 1, 40 * 24 * 3600):
                continue
            compose(owner.person.email, _letter(ending)).send()
            sent += 1
    return sent


def _letter(ending: Ending) -> Letter:
    day = formats.date_format(timezone.localtime(ending.expires_at), "DATE_FORMAT")
    return Letter(
        _("A sign-in certificate ends soon: %(name)s") % {"name": ending.label},
        (
            _("The certificate of “%(name)s” ends on %(day)s.")
            % {"name": ending.label, "day": day},
            _("After that day nobody signs in that way until the new one is in place."),
        ),
        Action(_("Open single sign-on"), absolute_url("/console/sso/")),
    )
