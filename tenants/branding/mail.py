"""Mails in the look of a space: one frame for every message, a text part, the logo inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from email.mime.image import MIMEImage
from email.utils import formataddr, parseaddr
from typing import TYPE_CHECKING

import css_inline
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils.translation import get_language, gettext

from tenants.branding import files, texts
from tremplin.api import services
from tremplin.kernel.current import tenant_required

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

LOGO_ID = "logo"
DEFAULT_PRIMARY, DEFAULT_FOREGROUND = "#4f46e5", "#ffffff"


@dataclass(frozen=True, slots=True)
class Action:
    """The one button of a mail; ``url`` is a full address."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail says, already in the reader's language."""

    title: str
    paragraphs: Sequence[str]
    action: Action | None = None

    def text(self, space: str, legal_footer: str = "") -> str:
        """Return the text part."""
        parts = [self.title, *self.paragraphs]
        if self.action:
            parts.append(f"{self.action.label}\n{self.action.url}")
        parts.append(gettext("This message was sent by %(space)s.") % {"space": space})
        if legal_footer:
            parts.append(legal_footer)
        return "\n\n".join(parts) + "\n"


def frame(
    letter: Letter,
    *,
    space: str,
    primary: str,
    primary_foreground: str,
    logo_src: str = "",
    home_url: str = "",
    legal_footer: str = "",
) -> str:
    """Return the HTML of a mail with its styles inlined, in the active language."""
    html = render_to_string(
        "tenants/mail/frame.html",
        {
            "language": (get_language() or "en").split("-")[0],
            "space": space,
            "title": letter.title,
            "paragraphs": letter.paragraphs,
            "action_label": letter.action.label if letter.action else "",
            "action_url": letter.action.url if letter.action else "",
            "primary": primary or DEFAULT_PRIMARY,
            "primary_foreground": primary_foreground or DEFAULT_FOREGROUND,
            "logo_src": logo_src,
            "home_url": home_url,
            "legal_footer": legal_footer,
        },
    )
    return css_inline.CSSInliner(load_remote_stylesheets=False).inline(html)


def compose(to: str, letter: Letter, *, subject: str = "") -> EmailMultiAlternatives:
    """Return a mail of the current space, ready to send, in the active language.

    The sender shows the name of the space, at the address of its reseller when that gives one;
    answers go to its support address. ``subject`` defaults to the title of the letter.
    """
    tenant: TenantInfo = tenant_required()  # type: ignore[assignment]
    said = texts.of(tenant)
    logo = files.read(tenant, tenant.brand.mail_logo_path)
    html = frame(
        letter,
        space=tenant.name,
        primary=tenant.brand.primary,
        primary_foreground=tenant.brand.primary_foreground,
        logo_src=f"cid:{LOGO_ID}" if logo else "",
        home_url=services.tenancy().absolute_url(tenant, "/"),
        legal_footer=said.legal_footer,
    )
    sender = formataddr((tenant.name, said.sender or parseaddr(settings.DEFAULT_FROM_EMAIL)[1]))
    message = EmailMultiAlternatives(
        subject=" ".join((subject or letter.title).split()),
        body=letter.text(tenant.name, said.legal_footer),
        from_email=sender,
        to=[to],
        reply_to=[said.support_email] if said.support_email else None,
        headers={"Auto-Submitted": "auto-generated"},
    )
    message.attach_alternative(html, "text/html")
    if logo:
        image = MIMEImage(logo, "png")
        image.add_header("Content-ID", f"<{LOGO_ID}>")
        image.add_header("Content-Disposition", "inline", filename="logo.png")
        message.attach(image)
        message.mixed_subtype = "related"  # type: ignore[attr-defined]
    return message
