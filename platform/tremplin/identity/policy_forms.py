"""The rules of sign-in that a space chooses."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.db.models import Count, Exists, OuterRef, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import TypeAdapter, ValidationError

from tremplin.identity import roles as role_catalogue
from tremplin.identity.identity_settings import IdentitySettings, MailDomain
from tremplin.identity.models import User
from tremplin.identity.roles import MFA_ROLES
from tremplin.kernel import settings_store

FIELDS = (
    "signup",
    "signup_domains",
    "signup_role",
    "invitation_days",
    "mfa_roles",
    "passkeys",
    "login_by_code",
    "idle_minutes",
)
MAX_DOMAINS = 50
_DOMAIN = TypeAdapter(MailDomain)


def unprotected_by_role() -> dict[str, tuple[int, int]]:
    """Return, by role, how many open accounts have it and how many lack a second factor (1 query)."""
    from allauth.mfa.models import Authenticator

    factors = Authenticator.objects.filter(
        user=OuterRef("pk"), type__in=(Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
    )
    rows = (
        User.objects.present()
        .filter(is_active=True, groups__isnull=False)
        .annotate(protected=Exists(factors))
        .order_by()
        .values_list("groups__name")
        .annotate(total=Count("pk"), missing=Count("pk", filter=Q(protected=False)))
    )
    return {name: (total, missing) for name, total, missing in rows}


class SignInForm(forms.Form):
    """Who may open an account, how people sign in, and what their roles require."""

    signup = forms.ChoiceField(
        label=_("Who may open an account"),
        choices=(
            ("invitation", _("Invited people only")),
            ("domain", _("Invited people, and whoever has an address of our domains")),
            ("open", _("Everybody")),
        ),
        widget=forms.RadioSelect,
    )
    signup_domains = forms.CharField(
        label=_("Our mail domains"),
        required=False,
        max_length=5000,
        help_text=_("One per line, such as school.example."),
        widget=forms.Textarea({"rows": 3, "spellcheck": "false"}),
    )
    signup_role = forms.ChoiceField(
        label=_("Role of people who open their account alone"),
        choices=(),
    )
    invitation_days = forms.IntegerField(
        label=_("Life of an invitation, in days"), min_value=1, max_value=60
    )
    mfa_roles = forms.MultipleChoiceField(
        label=_("Roles that need a second factor"),
        required=False,
        choices=(),
        help_text=_("At their next page, people of these roles set one up before anything else."),
        widget=forms.CheckboxSelectMultiple,
    )
    passkeys = forms.BooleanField(
        label=_("Passkeys"),
        required=False,
        help_text=_("People sign in with the fingerprint, the face or the code of their device."),
    )
    login_by_code = forms.BooleanField(
        label=_("Code sent by mail"),
        required=False,
        help_text=_("People sign in without a password, with a code that works for ten minutes."),
    )
    idle_minutes = forms.IntegerField(
        label=_("Minutes without activity that end a session"),
        min_value=0,
        max_value=1440,
        help_text=_("0 to keep sessions open: they end after two weeks anyway."),
    )

    def __init__(self, *args: Any, tenant: Any, **kwargs: Any) -> None:
        self.sources = settings_store.explain(IdentitySettings, tenant, "identity")
        present = {name: self.sources[name].value for name in FIELDS}
        initial = {**present, "signup_domains": "\n".join(present["signup_domains"])}
        super().__init__(*args, initial=initial, **kwargs)
        self.present = present
        labels = role_catalogue.labels()
        codes = [role.code for role in role_catalogue.roles_for(tenant.kind)]
        fields: dict[str, Any] = self.fields
        fields["signup_role"].choices = [
            (code, labels[code]) for code in ("learner", "candidate", "professional")
        ]
        counts = unprotected_by_role()
        fields["mfa_roles"].choices = [
            (code, _with_count(labels[code], *counts.get(code, (0, 0))))
            for code in codes
            if code not in MFA_ROLES
        ]
        self.always_required = [labels[code] for code in codes if code in MFA_ROLES]
        for name, source in self.sources.items():
            if name in fields and source.locked and source.level != "tenant":
                fields[name].disabled = True
                fields[name].help_text = _("Set by your provider.")

    def clean_signup_domains(self) -> tuple[str, ...]:
        """Return the domains, each once, in lower case."""
        found: list[str] = []
        for text in re.split(r"[\s,;]+", self.cleaned_data["signup_domains"]):
            if not text:
                continue
            try:
                domain = _DOMAIN.validate_python(text.removeprefix("@").lower())
            except ValidationError as error:
                raise forms.ValidationError(
                    gettext("“%(domain)s” is not a mail domain. Write it as school.example.")
                    % {"domain": text[:100]}
                ) from error
            if domain not in found:
                found.append(domain)
        if len(found) > MAX_DOMAINS:
            raise forms.ValidationError(
                gettext("List at most %(limit)s domains.") % {"limit": MAX_DOMAINS}
            )
        return tuple(found)

    def clean_mfa_roles(self) -> tuple[str, ...]:
        """Return the roles in a stable order."""
        return tuple(sorted(self.cleaned_data["mfa_roles"]))

    def clean(self) -> dict[str, Any]:
        """Ask for a domain when only domains open accounts."""
        values: dict[str, Any] = super().clean() or {}
        if values.get("signup") == "domain" and not values.get("signup_domains", True):
            self.add_error("signup_domains", gettext("List the domains whose people may join."))
        return values

    def changes(self) -> dict[str, Any]:
        """Return the values that differ from what is stored, by setting."""
        stored = {**self.present, "mfa_roles": tuple(sorted(self.present["mfa_roles"]))}
        return {
            name: self.cleaned_data[name]
            for name in FIELDS
            if not self.fields[name].disabled and self.cleaned_data[name] != stored[name]
        }


def _with_count(label: str, total: int, missing: int) -> str:
    if not missing:
        return label
    return gettext("%(role)s (%(missing)s of %(total)s without one)") % {
        "role": label,
        "missing": missing,
        "total": total,
    }
