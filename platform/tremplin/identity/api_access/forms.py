"""Forms of the API page of the console. Each offers what the person may give, nothing else."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tremplin.api.context import TenantContext
from tremplin.identity.api_access import keys
from tremplin.identity.api_access import scopes as scope_names
from tremplin.identity.errors import IdentityError
from tremplin.identity.models import User
from tremplin.kernel.api_auth import CORE

LIVES = (30, 90, 180, 365)
OVERLAPS = ((0, _("Not at all")), (1, _("1 hour")), (24, _("1 day")), (168, _("7 days")))


def scope_choices(ctx: TenantContext, person: User) -> list[tuple[str, str]]:
    """Return the scopes of the modules that are on, as far as ``person`` may give them."""
    return [
        (scope.name, f"{scope.name} · {scope.label}")
        for scope in scope_names.known()
        if (scope.permission or scope.slug in CORE | ctx.enabled)
        and scope_names.may_grant(person, scope.name)
    ]


class ApplicationForm(forms.Form):
    """The name of an application and what it may do."""

    name = forms.CharField(
        label=_("Name"),
        max_length=keys.MAX_NAME,
        help_text=_(
            "Where it will be used: “moodle-prod”, “payroll”. Only you and colleagues see it."
        ),
        widget=forms.TextInput({"autocomplete": "off", "data-testid": "api-name"}),
    )
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        help_text=_("Tick as little as it needs. Your own rights are the limit, at every call."),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one scope.")},
    )

    def __init__(self, *args: Any, ctx: TenantContext, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scopes"].choices = scope_choices(ctx, person)  # type: ignore[attr-defined]


class KeyForm(ApplicationForm):
    """A key: what it may do, until when and from where."""

    days = forms.TypedChoiceField(label=_("Works for"), coerce=int, initial=90)
    networks = forms.CharField(
        label=_("Only from these networks"),
        required=False,
        max_length=4000,
        help_text=_(
            "One address or range per line, 192.0.2.0/24 for example. Empty: from anywhere."
        ),
        widget=forms.Textarea({"rows": 2, "autocomplete": "off", "data-testid": "api-networks"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["days"].choices = [  # type: ignore[attr-defined]
            *((days, gettext("%(days)s days") % {"days": days}) for days in LIVES),
            (0, gettext("No end: not advised")),
        ]

    def clean_networks(self) -> list[str]:
        """Return the ranges in canonical form."""
        try:
            return keys.checked_networks(self.cleaned_data["networks"].splitlines())
        except IdentityError as error:
            raise forms.ValidationError(error.message) from error

    def expires_at(self) -> datetime | None:
        """Return the end of the key, or None."""
        days: int = self.cleaned_data["days"]
        return timezone.now() + timedelta(days=days) if days else None


class RotationForm(forms.Form):
    """How long the former secret keeps working."""

    hours = forms.TypedChoiceField(
        label=_("The former secret keeps working for"), coerce=int, choices=OVERLAPS, initial=24
    )
