"""Forms of the directory page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tremplin.api.context import TenantContext
from tremplin.identity.models import Cohort
from tremplin.sso.forms import given_roles
from tremplin.sso.scim import groups, overview

OVERLAPS = {
    "0": (timedelta(0), _("stops at once")),
    "1": (timedelta(days=1), _("works one more day")),
    "7": (timedelta(days=7), _("works seven more days")),
}


class TokenForm(forms.Form):
    """The name of a new token."""

    name = forms.CharField(
        label=_("Name of the token"),
        max_length=80,
        help_text=_("What will use it, “Entra ID” for example."),
        widget=forms.TextInput({"autocomplete": "off", "data-testid": "token-name"}),
    )


class RotateForm(forms.Form):
    """How long the former secret keeps working."""

    overlap = forms.ChoiceField(
        label=_("The former secret"),
        choices=[(code, label) for code, (_delta, label) in OVERLAPS.items()],
        initial="1",
    )

    def clean_overlap(self) -> timedelta:
        """Return the length of time."""
        return OVERLAPS[self.cleaned_data["overlap"]][0]


class RoleForm(forms.Form):
    """A group of the directory and the role it gives."""

    cohort = forms.ModelChoiceField(label=_("Group"), queryset=Cohort.objects.none())
    role = forms.ChoiceField(label=_("Role"))

    def __init__(self, *args: Any, ctx: TenantContext, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mappable = set(groups.mappable_roles())
        self.fields["cohort"].queryset = overview.group_cohorts()  # type: ignore[attr-defined]
        self.fields["role"].choices = [  # type: ignore[attr-defined]
            (code, label) for code, label in given_roles(ctx) if code in mappable
        ]
