"""Forms of the second factor and of passkeys."""

from __future__ import annotations

from typing import Any

from allauth.mfa.base.forms import AuthenticateForm as BaseAuthenticateForm
from allauth.mfa.base.forms import ReauthenticateForm as BaseReauthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm as BaseActivateTOTPForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm, EditWebAuthnForm
from allauth.mfa.webauthn.forms import AuthenticateWebAuthnForm as BaseStepForm
from allauth.mfa.webauthn.forms import LoginWebAuthnForm as BaseLoginForm
from allauth.mfa.webauthn.forms import ReauthenticateWebAuthnForm as BasePasskeyReauthenticateForm
from django import forms
from django.core.validators import MaxLengthValidator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tremplin.identity.normalise import clean_text

NAME_LENGTH = 60


def _code_field(form: forms.BaseForm) -> None:
    field = form.fields["code"]
    field.label = _("Code")
    field.widget.attrs.pop("placeholder", None)
    field.widget.attrs |= {"inputmode": "numeric", "autofocus": True}


class AuthenticateForm(BaseAuthenticateForm):  # type: ignore[misc]
    """The code of the app, or a recovery code, after the password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _code_field(self)


class ReauthenticateForm(BaseReauthenticateForm):  # type: ignore[misc]
    """The code of the app before a delicate change."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _code_field(self)


class ActivateTOTPForm(BaseActivateTOTPForm):  # type: ignore[misc]
    """The first code of an authenticator app."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _code_field(self)
        self.fields["code"].label = _("Six digits of the app")


class _PasskeyAnswer(forms.BaseForm):
    """Refuses what a browser never sends, with a sentence that fits a passkey."""

    def clean_credential(self) -> Any:
        if not isinstance(self.cleaned_data.get("credential"), dict):
            raise self.refused()
        try:
            return super().clean_credential()  # type: ignore[misc]
        except forms.ValidationError as error:
            if error.code == "too_many_login_attempts":
                raise
            raise self.refused() from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # The library trusts the shape of what the browser's own code sends.
            raise self.refused() from error

    def refused(self) -> forms.ValidationError:
        """Return the error shown for a passkey that proves nothing here."""
        return forms.ValidationError(
            gettext("This passkey does not open an account here. Sign in otherwise."),
            code="passkey_refused",
        )


class PasskeyLoginForm(_PasskeyAnswer, BaseLoginForm):  # type: ignore[misc]
    """A passkey instead of e-mail and password."""


class PasskeyStepForm(_PasskeyAnswer, BaseStepForm):  # type: ignore[misc]
    """A passkey after the password."""


class PasskeyReauthenticateForm(_PasskeyAnswer, BasePasskeyReauthenticateForm):  # type: ignore[misc]
    """A passkey before a delicate change."""


class AddPasskeyForm(AddWebAuthnForm):  # type: ignore[misc]
    """A new passkey and its name; the device must check who holds it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.pop("passwordless", None)
        self.fields["credential"].required = False  # one sentence says it: see clean()
        _name_field(self)

    def clean_name(self) -> str:
        """Return the name in one line, or the proposed one."""
        self.cleaned_data["name"] = clean_text(self.cleaned_data["name"])
        return str(super().clean_name())

    def clean(self) -> dict[str, Any]:
        """Check the answer of the device against the question of this session."""
        credential = self.cleaned_data.get("credential")
        if not isinstance(credential, dict) or not credential:
            raise self._refused()
        try:
            values: dict[str, Any] = super().clean()
        except forms.ValidationError as error:
            raise self._refused() from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise self._refused() from error
        return values

    def _refused(self) -> forms.ValidationError:
        return forms.ValidationError(
            gettext(
                "The passkey was not added. Try again, and let the device check that it is you."
            ),
            code="passkey_refused",
        )


class RenamePasskeyForm(EditWebAuthnForm):  # type: ignore[misc]
    """The name of a passkey."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _name_field(self)

    def clean_name(self) -> str:
        """Return the name in one line."""
        name = clean_text(self.cleaned_data["name"])
        if not name:
            raise forms.ValidationError(gettext("Give the passkey a name."))
        return name


def _name_field(form: forms.BaseForm) -> None:
    name: Any = form.fields["name"]
    name.label = _("Name of the passkey")
    name.help_text = _("To recognise the device later, such as “My phone”.")
    name.max_length = NAME_LENGTH
    name.validators.append(MaxLengthValidator(NAME_LENGTH))
    name.widget.attrs["maxlength"] = NAME_LENGTH
