"""Forms of the connections of a space."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tremplin.api.context import TenantContext
from tremplin.identity.people_forms import role_choices
from tremplin.sso import role_mapping, services, url_guard
from tremplin.sso.models import Connection
from tremplin.sso.oidc import presets

MAX_LINES = 200
MAX_VALUE = 200


def given_roles(ctx: TenantContext, keep: set[str] | None = None) -> list[tuple[str, str]]:
    """Return the roles that a directory may give and the person of ``ctx`` too, with labels.

    Who sets up a directory cannot make it give what she could not give herself; ``keep`` names
    roles that a connection gives already.
    """
    from tremplin.identity import roles as catalogue

    reachable = {code for code, _label in role_choices(ctx)} | (keep or set())
    return [
        (code, catalogue.label(code))
        for code in role_mapping.grantable_roles()
        if code in reachable
    ]


class OidcForm(forms.Form):
    """An OpenID provider: its address, our application there, and what newcomers become."""

    label = forms.CharField(
        label=_("Name on the button"),
        max_length=40,
        help_text=_("People read “Sign in with …” on the sign-in page."),
    )
    server_url = forms.CharField(
        label=_("Address of the provider"),
        max_length=500,
        widget=forms.TextInput({"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
    )
    client_id = forms.CharField(
        label=_("Client ID"),
        max_length=191,
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
    )
    secret = forms.CharField(
        label=_("Client secret"),
        max_length=500,
        required=False,
        strip=True,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )
    creates_people = forms.BooleanField(
        label=_("Open an account for people who come for the first time"),
        required=False,
        help_text=_("When off, only people who already have an account here can sign in."),
    )
    updates_profile = forms.BooleanField(
        label=_("Copy first and last names at each sign-in"), required=False
    )
    default_role = forms.ChoiceField(
        label=_("Role of newcomers"),
        help_text=_("Also given when the provider says something that is not in the table below."),
    )
    role_attribute = forms.CharField(
        label=_("Claim that decides the role"),
        max_length=200,
        required=False,
        help_text=_("For example “roles” or “groups”; with dots inside an object."),
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
    )
    role_map = forms.CharField(
        label=_("Table of roles"),
        required=False,
        max_length=60_000,
        widget=forms.Textarea({"rows": 4, "spellcheck": "false", "autocomplete": "off"}),
    )
    updates_roles = forms.BooleanField(
        label=_("Follow the roles of the directory at each sign-in"),
        required=False,
        help_text=_(
            "Gives and takes back what the table says. Roles that someone gave here stay, and "
            "the owner and administrators are never changed."
        ),
    )

    def __init__(
        self,
        *args: Any,
        ctx: TenantContext,
        preset: presets.Preset,
        connection: Connection | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.preset, self.connection = preset, connection
        keep = set()
        if connection is not None:
            keep = {connection.default_role, *connection.role_map.values()}
        self.roles = dict(given_roles(ctx, keep))
        current = {connection.default_role} if connection is not None else set()
        self.fields["default_role"].choices = [  # type: ignore[attr-defined]
            (code, label)
            for code, label in self.roles.items()
            if code in role_mapping.LOW_ROLES | current
        ]
        self.fields["role_map"].help_text = gettext(
            "One line per value, as “teachers = trainer”. Roles: %(roles)s"
        ) % {"roles": ", ".join(self.roles)}
        if preset.server_url:
            del self.fields["server_url"]
        else:
            self.fields["server_url"].help_text = gettext("For example %(url)s") % {
                "url": preset.example
            }
        if connection is not None:
            self.fields["secret"].help_text = gettext(
                "Leave it empty to keep the one that is stored: it is never shown again."
            )
        else:
            self.fields["secret"].required = True

    def clean_label(self) -> str:
        """Return the name without control characters."""
        from tremplin.identity.normalise import clean_text

        label = clean_text(self.cleaned_data["label"])
        if not label:
            raise forms.ValidationError(gettext("Give the button a name."))
        return label

    def clean_server_url(self) -> str:
        """Return the address when it may be read at all; nothing is asked yet."""
        url = self.cleaned_data["server_url"].strip()
        try:
            url_guard.check_url(url)
        except url_guard.UrlRefused as error:
            raise forms.ValidationError(error.message) from error
        if presets.is_shared_entra(url):
            raise forms.ValidationError(
                gettext(
                    "Put the ID of your own directory in the address: this one stands for every "
                    "directory of Microsoft."
                )
            )
        return url

    def clean_role_map(self) -> dict[str, str]:
        """Return the table; name the first line that cannot be read."""
        table: dict[str, str] = {}
        lines = [line.strip() for line in self.cleaned_data["role_map"].splitlines()]
        if len(lines) > MAX_LINES:
            raise forms.ValidationError(
                gettext("The table may hold %(count)s lines at most.") % {"count": MAX_LINES}
            )
        for number, line in enumerate(lines, start=1):
            if not line:
                continue
            match = re.fullmatch(r"(.+?)\s*=\s*([\w.-]+)", line)
            if match is None or len(match[1]) > MAX_VALUE:
                raise forms.ValidationError(
                    gettext("Line %(number)s: write a value, “=”, then a role.")
                    % {"number": number}
                )
            if match[2] not in self.roles:
                raise forms.ValidationError(
                    gettext("Line %(number)s: “%(role)s” is not a role that you may give here.")
                    % {"number": number, "role": match[2]}
                )
            table[match[1]] = match[2]
        return table

    def clean(self) -> dict[str, Any]:
        """Ask for the claim when there is a table."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if values.get("role_map") and not values.get("role_attribute"):
            self.add_error(
                "role_attribute", gettext("Say which claim holds the values of the table.")
            )
        return values

    def values(self) -> services.OidcValues:
        """Return what the services need."""
        data = self.cleaned_data
        return services.OidcValues(
            label=data["label"],
            client_id=data["client_id"],
            secret=data["secret"],
            server_url=data.get("server_url", ""),
            default_role=data["default_role"],
            creates_people=data["creates_people"],
            updates_profile=data["updates_profile"],
            updates_roles=data["updates_roles"],
            role_attribute=data["role_attribute"],
            role_map=data["role_map"],
        )

    @staticmethod
    def initial_of(connection: Connection) -> dict[str, Any]:
        """Return the first values of the form for an existing connection."""
        return {
            "label": connection.label,
            "server_url": connection.app.settings.get("server_url", ""),
            "client_id": connection.app.client_id,
            "creates_people": connection.creates_people,
            "updates_profile": connection.updates_profile,
            "updates_roles": connection.updates_roles,
            "default_role": connection.default_role,
            "role_attribute": connection.role_attribute,
            "role_map": "\n".join(
                f"{value} = {role}" for value, role in connection.role_map.items()
            ),
        }
