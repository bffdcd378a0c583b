"""Forms of the account pages."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import AddEmailForm as BaseAddEmailForm
from allauth.account.forms import ChangePasswordForm as BaseChangePasswordForm
from allauth.account.forms import ConfirmLoginCodeForm as BaseConfirmLoginCodeForm
from allauth.account.forms import LoginForm as BaseLoginForm
from allauth.account.forms import ReauthenticateForm as BaseReauthenticateForm
from allauth.account.forms import RequestLoginCodeForm as BaseRequestLoginCodeForm
from allauth.account.forms import ResetPasswordForm as BaseResetPasswordForm
from allauth.account.forms import ResetPasswordKeyForm as BaseResetPasswordKeyForm
from allauth.account.forms import SetPasswordForm as BaseSetPasswordForm
from allauth.account.forms import SignupForm as BaseSignupForm
from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tremplin.identity import identity_settings, sign_in_rules
from tremplin.identity.models import User

PASSWORD_HELP = _("At least 12 characters. A short sentence works well.")


def _say_once(form: forms.BaseForm) -> None:
    """Take away the placeholders that repeat the labels; the rules of a password stand once."""
    for name, field in form.fields.items():
        field.widget.attrs.pop("placeholder", None)
        if name == "password1":
            field.help_text = PASSWORD_HELP


class RuledForm(forms.BaseForm):
    """A form that stops when a rule closes its way to sign in; ``refusal`` says where to go."""

    refusal: sign_in_rules.Refusal | None = None

    def stop_if_refused(self, email: str, method: sign_in_rules.Method) -> None:
        """Raise ``ValidationError`` when ``method`` is closed to ``email``."""
        self.refusal = sign_in_rules.refusal(email, method)
        if self.refusal is not None:
            raise forms.ValidationError(self.refusal.message, code="method_closed")


class LoginForm(RuledForm, BaseLoginForm):  # type: ignore[misc]
    """E-mail and password; sessions always last the configured fortnight."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("E-mail")
        self.fields["password"].label = _("Password")
        self.fields["password"].help_text = ""
        self.fields.pop("remember", None)
        _say_once(self)
        self.fields["login"].widget.attrs["data-testid"] = "login-email"
        self.fields["password"].widget.attrs["data-testid"] = "login-password"

    def _clean_with_password(self, credentials: dict[str, Any]) -> Any:
        """Ask the rules first: they answer from the address alone, whoever holds it."""
        self.stop_if_refused(credentials.get("email", ""), "password")
        return super()._clean_with_password(credentials)


class RequestLoginCodeForm(RuledForm, BaseRequestLoginCodeForm):  # type: ignore[misc]
    """Where to send the code that signs in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("E-mail")
        _say_once(self)

    def clean_email(self) -> str:
        """Send nothing to an address that signs in elsewhere."""
        self.stop_if_refused(self.cleaned_data["email"], "code")
        return str(super().clean_email())


class ConfirmLoginCodeForm(BaseConfirmLoginCodeForm):  # type: ignore[misc]
    """The code of the message."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].label = _("Code")
        self.fields["code"].widget.attrs |= {"autocapitalize": "characters", "autofocus": True}
        _say_once(self)


class ReauthenticateForm(BaseReauthenticateForm):  # type: ignore[misc]
    """The password once more."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].label = _("Password")
        _say_once(self)


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
        _say_once(self)

    def clean_email(self) -> str:
        """Accept only the mail domains that the space lists, when it lists some."""
        return admitted(super().clean_email())


def admitted(email: str) -> str:
    """Return ``email`` if its owner may sign up by herself; raise ``ValidationError`` otherwise."""
    policy = identity_settings.current()
    if policy.signup == "domain" and email.rpartition("@")[2] not in policy.signup_domains:
        listed = ", ".join(f"@{domain}" for domain in policy.signup_domains)
        raise forms.ValidationError(
            gettext("Use an address of your organisation (%(domains)s).") % {"domains": listed},
            code="domain_not_allowed",
        )
    if (refused := sign_in_rules.refusal(email, "password")) is not None:
        raise forms.ValidationError(refused.message, code="method_closed")
    return email


class ChangePasswordForm(BaseChangePasswordForm):  # type: ignore[misc]
    """The present password and, twice, the new one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _say_once(self)


class SetPasswordForm(BaseSetPasswordForm):  # type: ignore[misc]
    """A first password, twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _say_once(self)


class ResetPasswordKeyForm(BaseResetPasswordKeyForm):  # type: ignore[misc]
    """A new password, twice, after the link of a mail."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _say_once(self)


class ResetPasswordForm(RuledForm, BaseResetPasswordForm):  # type: ignore[misc]
    """Where to send the link to choose a new password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("E-mail")
        _say_once(self)

    def clean_email(self) -> str:
        """Offer no password to an address that signs in elsewhere."""
        self.stop_if_refused(self.cleaned_data["email"], "reset")
        return str(super().clean_email())


class AddEmailForm(BaseAddEmailForm):  # type: ignore[misc]
    """The new address of an account."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("New address")
        _say_once(self)

    def clean_email(self) -> str:
        """Refuse to whoever signs in through her organisation because of her present address."""
        address = str(super().clean_email())
        if (kept := sign_in_rules.keeps_address(self.user, address)) is not None:
            raise forms.ValidationError(kept.message, code="method_closed")
        return address


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
        help_text=PASSWORD_HELP,
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
