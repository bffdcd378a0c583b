"""Mails about accounts: the reader's language, the space's name, colours and logo."""

from __future__ import annotations

from contextlib import nullcontext
from email.mime.image import MIMEImage
from email.utils import formataddr, parseaddr
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation

from tremplin.identity import identity_settings
from tremplin.kernel.current import current_tenant

LOGO_ID = "space-logo"


def sender() -> str:
    """Return the sender: the space's name with the platform's address."""
    tenant = current_tenant.get()
    address = parseaddr(settings.DEFAULT_FROM_EMAIL)[1] or settings.DEFAULT_FROM_EMAIL
    return formataddr((tenant.name, address)) if tenant is not None else address


def absolute_url(path: str) -> str:
    """Return ``path`` on the primary address of the current space."""
    from tremplin.api import services

    tenant = current_tenant.get()
    return path if tenant is None else services.tenancy().absolute_url(tenant, path)


def _logo(path: str) -> MIMEImage | None:
    if not path:
        return None
    file = Path(path)
    if not file.is_absolute():
        file = Path(settings.MEDIA_ROOT) / file
    if not file.is_file():
        return None
    image = MIMEImage(file.read_bytes())
    image.add_header("Content-ID", f"<{LOGO_ID}>")
    image.add_header("Content-Disposition", "inline", filename=file.name)
    return image


def render(template: str, to: str, context: dict[str, Any], locale: str = "") -> EmailMultiAlternatives:
    """Return the message of ``<template>_subject.txt``, ``_message.txt`` and ``_message.html``.

    ``locale`` is the reader's language; empty: the one of the request.
    """
    tenant: Any = current_tenant.get()
    brand = getattr(tenant, "brand", None)
    logo = _logo(getattr(brand, "mail_logo_path", "") or "")
    values = {
        **context,
        "tenant": tenant,
        "brand": brand,
        "space_name": tenant.name if tenant is not None else "Tremplin",
        "home_url": absolute_url("/"),
        "logo_cid": LOGO_ID if logo is not None else "",
        "contact": identity_settings.current().contact_email,
    }
    with translation.override(locale) if locale else nullcontext():
        values["language"] = translation.get_language()
        subject = " ".join(render_to_string(f"{template}_subject.txt", values).split())
        text = render_to_string(f"{template}_message.txt", values).strip() + "\n"
        html = render_to_string(f"{template}_message.html", values)
    reply_to = [values["contact"]] if values["contact"] else None
    message = EmailMultiAlternatives(subject, text, sender(), [to], reply_to=reply_to)
    message.attach_alternative(html, "text/html")
    if logo is not None:
        message.mixed_subtype = "related"
        message.attach(logo)
    return message


def send(template: str, to: str, context: dict[str, Any], locale: str = "") -> None:
    """Render and send one mail. Raises the mail backend's error so that a task retries."""
    render(template, to, context, locale).send()
