"""Forms of the account pages."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import LoginForm as BaseLoginForm
from allauth.account.forms import SignupForm as BaseSignupForm
from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tremplin.identity import identity_settings
from tremplin.identity.models import User


class LoginForm(BaseLoginForm):  # type: ignore[misc]
    """E-mail and password; sessions always last the configured fortnight."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("E-mail")
        self.fields["password"].label = _("Password")
        self.fields["password"].help_text = ""
        self.fields.pop("remember", None)
        for name in ("login", "password"):
            self.fields[name].widget.attrs.pop("placeholder", None)
        self.fields["login"].widget.attrs["data-testid"] = "login-email"
        self.fields["password"].widget.attrs["data-testid"] = "login-password"


class SignupForm(BaseSignupForm):  # type: ignore[misc]
    """Open an account in a space that allows it."""

    field_order = ("first_name", "last_name", "email", "password1")
    first_name = forms.CharField(
        label=_("First name"),
        max_length=100,
        widget=forms.TextInput({"autocomplete": "given-name"}),
    )
    last_name = forms.CharField(
        label=_("Last name"),
        max_length=100,
        widget=forms.TextInput({"autocomplete": "family-name"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("E-mail")
        self.fields["password1"].label = _("Password")
        self.fields["password1"].help_text = _(
            "At least 12 characters. A short sentence works well."
        )
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)

    def clean_email(self) -> str:
        """Accept only the mail domains that the space lists, when it lists some."""
        email: str = super().clean_email()
        policy = identity_settings.current()
        if policy.signup == "domain" and email.rpartition("@")[2] not in policy.signup_domains:
            listed = ", ".join(f"@{domain}" for domain in policy.signup_domains)
            raise forms.ValidationError(
                gettext("Use an address of your organisation (%(domains)s).") % {"domains": listed},
                code="domain_not_allowed",
            )
        return email


class InvitationForm(forms.Form):
    """Names and password of an invited person."""

    first_name = forms.CharField(
        label=_("First name"),
        max_length=100,
        widget=forms.TextInput({"autocomplete": "given-name"}),
    )
    last_name = forms.CharField(
        label=_("Last name"),
        max_length=100,
        widget=forms.TextInput({"autocomplete": "family-name"}),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=1024,
        help_text=_("At least 12 characters. A short sentence works well."),
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person

    def clean(self) -> dict[str, Any]:
        """Check the password against the rules, with the names just typed."""
        values: dict[str, Any] = super().clean() or {}
        self.person.first_name = values.get("first_name", "")
        self.person.last_name = values.get("last_name", "")
        if password := values.get("password"):
            try:
                validate_password(password, self.person)
            except forms.ValidationError as error:
                self.add_error("password", error)
        return values
