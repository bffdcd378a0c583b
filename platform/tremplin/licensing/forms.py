"""Forms of the seats page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tremplin.licensing.models import License


class PolicyForm(forms.Form):
    """How the seats of a module are given."""

    licence = forms.UUIDField(widget=forms.HiddenInput)
    policy = forms.ChoiceField(label=_("Who uses this module"), choices=License.SeatPolicy.choices)


class AssignForm(forms.Form):
    """Who gets a seat of a module."""

    licence = forms.UUIDField(widget=forms.HiddenInput)
    email = forms.EmailField(label=_("E-mail address of the person"), max_length=254)

    def clean_email(self) -> str:
        """Return the address as it is stored."""
        return str(self.cleaned_data["email"]).strip().lower()


class ReleaseForm(forms.Form):
    """Whose seat is freed."""

    licence = forms.UUIDField(widget=forms.HiddenInput)
    person = forms.UUIDField(widget=forms.HiddenInput)


def first_error(form: forms.Form) -> str:
    """Return the first thing that is wrong, for a message above the page."""
    errors: dict[str, Any] = form.errors
    return str(next(iter(errors.values()))[0]) if errors else ""
