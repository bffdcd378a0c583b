"""Forms of the operations."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.hashers import check_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.urls import reverse_lazy
from django.utils.text import format_lazy
from django.utils.translation import gettext, gettext_lazy

from tenants import registry, slugs
from tenants.errors import TenancyError
from tremplin.identity.models import User


class StartForm(forms.Form):
    """The sign-up page of a new space."""

    name = forms.CharField(
        label=gettext_lazy("Name of your organisation"), min_length=2, max_length=100
    )
    slug = forms.CharField(
        label=gettext_lazy("Address of your space"),
        max_length=40,
        help_text=gettext_lazy("Lower-case letters, digits and hyphens."),
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Type"),
        choices=[
            ("school", gettext_lazy("School or training centre")),
            ("company", gettext_lazy("Company")),
        ],
    )
    email = forms.EmailField(
        label=gettext_lazy("Your e-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("At least 12 characters. A short sentence is easy to remember."),
    )
    terms = forms.BooleanField(
        label=gettext_lazy("I accept the terms of use"),
        error_messages={"required": gettext_lazy("Accept the terms to create a space.")},
        help_text=format_lazy(
            '<a class="link" href="{url}" target="_blank" rel="noopener">{label}</a>',
            url=reverse_lazy("operations:terms"),
            label=gettext_lazy("Read the terms of use (new window)"),
        ),
    )

    def clean_name(self) -> str:
        return " ".join(str(self.cleaned_data["name"]).split())

    def clean_slug(self) -> str:
        slug = str(self.cleaned_data["slug"]).strip().lower()
        try:
            slugs.check(slug)
        except TenancyError as error:
            raise ValidationError(str(error)) from error
        if registry.by_slug(slug) is not None:
            raise ValidationError(gettext("This address is already taken: choose another one."))
        return slug

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).strip().lower()

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if password := data.get("password"):
            try:
                validate_password(password, User(email=data.get("email", "")))
            except ValidationError as error:
                self.add_error("password", error)
        return data


class ConfirmForm(forms.Form):
    """The password chosen when the space was asked for; ``locked`` after too many tries."""

    locked = False
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, password_hash: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._password_hash = password_hash

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        if not check_password(password, self._password_hash):
            raise ValidationError(
                gettext("This is not the password chosen when the space was asked for.")
            )
        return password


class ReasonForm(forms.Form):
    """Why the operator does it: kept in the log of what was done."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        min_length=5,
        max_length=200,
        help_text=gettext_lazy("Kept in the log: name the ticket, nobody’s data."),
        error_messages={
            "required": gettext_lazy("Say why, in 5 to 200 characters."),
            "min_length": gettext_lazy("Say why, in 5 to 200 characters."),
            "max_length": gettext_lazy("Say why, in 5 to 200 characters."),
        },
    )

    def clean_reason(self) -> str:
        """Return the reason on one line."""
        return " ".join(str(self.cleaned_data["reason"]).split())


class SuspendForm(forms.Form):
    """Why a space is closed."""

    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)


class ViewAsForm(forms.Form):
    """Whom to see a space as, and why."""

    locked = False
    role = forms.ChoiceField(
        label=gettext_lazy("See the space as"),
        help_text=gettext_lazy("The owner, else the first person who holds this role."),
    )
    email = forms.EmailField(
        label=gettext_lazy("Or as this person"),
        required=False,
        max_length=254,
        help_text=gettext_lazy("E-mail address of someone active in the space."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        min_length=5,
        max_length=300,
        help_text=gettext_lazy(
            "5 to 300 characters. The people of the space read it: name the ticket, nobody’s data."
        ),
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={
            "required": gettext_lazy("Write a reason of 5 to 300 characters."),
            "min_length": gettext_lazy("Write a reason of 5 to 300 characters."),
            "max_length": gettext_lazy("Write a reason of 5 to 300 characters."),
        },
    )

    def __init__(self, *args: Any, roles: list[Any], **kwargs: Any) -> None:
        """Offer ``roles`` (of ``identity.roles``), the first one chosen."""
        from tremplin.identity.roles import label

        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [(role.code, label(role.code)) for role in roles]
