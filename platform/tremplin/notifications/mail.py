"""A sample mail in the look of a brand that is being prepared."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from django.core.files.storage import default_storage
from django.utils.translation import gettext

from tenants.branding import tokens
from tenants.branding.mail import Action, Letter, frame

if TYPE_CHECKING:
    from tenants.branding.services import Inputs
    from tenants.registry import TenantInfo


def sample_html(tenant: TenantInfo, inputs: Inputs, logo_path: str = "") -> str:
    """Return the HTML of a sample mail with the colours of ``inputs`` and the given logo."""
    palette = tokens.palette(inputs.brand(), dark=False)
    source = ""
    if logo_path and default_storage.exists(logo_path):
        with default_storage.open(logo_path) as stored:
            source = "data:image/png;base64," + base64.b64encode(stored.read()).decode("ascii")
    letter = Letter(
        gettext("A quiz is waiting for you"),
        [gettext("This is how your messages look. The button and the logo follow your brand.")],
        Action(gettext("Open my space"), f"https://{tenant.primary_host}/app/"),
    )
    return frame(
        letter,
        space=tenant.name,
        primary=palette["primary"],
        primary_foreground=palette["primary-foreground"],
        logo_src=source,
    )
