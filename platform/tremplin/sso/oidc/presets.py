"""Providers that we know, so that nobody has to look their addresses up."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Label = str | Promise
# Providers whose word on an address is proof of it: they deliver or test the mailbox themselves.
VERIFIERS = frozenset({"google", "linkedin"})


@dataclass(frozen=True, slots=True)
class Preset:
    """What we know of a provider; an empty ``server_url`` is asked for, with ``example``."""

    code: str
    label: str
    description: Label
    server_url: str = ""
    example: str = ""
    role_attribute: str = ""
    steps: tuple[Label, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)


PRESETS = (
    Preset(
        "google",
        "Google Workspace",
        _("Schools and companies whose mail is at Google."),
        server_url="https://accounts.google.com",
        steps=(
            _("In the Google Cloud console, open “APIs & Services”, then “Credentials”."),
            _("Create an OAuth client ID of the type “Web application”."),
            _("Paste the return address below into “Authorised redirect URIs”."),
        ),
    ),
    Preset(
        "microsoft",
        "Microsoft Entra ID",
        _("Microsoft 365 for schools and companies."),
        example="https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/v2.0",
        role_attribute="roles",
        steps=(
            _("In the Entra admin centre, open “App registrations” and add one."),
            _("Paste the return address below as a redirect URI of the type “Web”."),
            _("Under “Certificates & secrets”, create a client secret and copy its value."),
            _("The address of the provider holds your directory (tenant) ID."),
        ),
    ),
    Preset(
        "linkedin",
        "LinkedIn",
        _("Name, e-mail address and picture of a LinkedIn member."),
        server_url="https://www.linkedin.com/oauth",
        steps=(
            _("On LinkedIn Developers, create an application for your page."),
            _("Under “Products”, ask for “Sign In with LinkedIn using OpenID Connect”."),
            _("Under “Auth”, paste the return address below."),
        ),
        settings={"token_auth_method": "client_secret_post"},
    ),
    Preset(
        "keycloak",
        "Keycloak",
        _("The open-source identity server that you run yourself."),
        example="https://sso.example.org/realms/school",
        role_attribute="realm_access.roles",
        steps=(
            _("In your realm, create a client of the type “OpenID Connect”."),
            _("Switch “Client authentication” and “Standard flow” on."),
            _("Paste the return address below into “Valid redirect URIs”."),
        ),
    ),
    Preset(
        "generic",
        "OpenID Connect",
        _("Any other provider with an OpenID Connect address."),
        example="https://id.example.org",
        role_attribute="roles",
        steps=(
            _("Register a confidential web application at your provider."),
            _("Paste the return address below into its redirect addresses."),
        ),
    ),
)
BY_CODE = {preset.code: preset for preset in PRESETS}
# Entra answers to these for every directory: its tokens then name another issuer than announced.
_ENTRA_SHARED = re.compile(r"login\.microsoftonline\.com/(common|organizations|consumers)\b", re.I)


def of(code: str) -> Preset:
    """Return the preset ``code``, the generic one when there is none such."""
    return BY_CODE.get(code, BY_CODE["generic"])


def is_shared_entra(url: str) -> bool:
    """Tell whether ``url`` is the address of every Microsoft directory instead of one."""
    return bool(_ENTRA_SHARED.search(url))
