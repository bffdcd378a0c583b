"""The form of a brand preset: values, and one lock per field."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from tenants.branding import presets, texts, tokens

COLOUR = gettext_lazy("Write the colour as # and six digits, such as #1e40af.")
LOCK = gettext_lazy("Clients may not change it")


class PresetForm(forms.Form):
    """What every client without a value of its own shows; an empty field is left to the clients."""

    primary = forms.RegexField(
        label=gettext_lazy("Primary colour"),
        regex=tokens.HEX,
        required=False,
        error_messages={"invalid": COLOUR},
    )
    accent = forms.RegexField(
        label=gettext_lazy("Second colour"),
        regex=tokens.HEX,
        required=False,
        error_messages={"invalid": COLOUR},
    )
    logo = forms.FileField(
        label=gettext_lazy("Logo"),
        required=False,
        help_text=gettext_lazy("PNG, JPEG, WebP or SVG, at most 5 MB."),
    )
    legal_footer = forms.CharField(
        label=gettext_lazy("Legal line"),
        required=False,
        max_length=texts.LONGEST_FOOTER,
        help_text=gettext_lazy("Shown at the foot of every page and mail of your clients."),
        widget=forms.Textarea(attrs={"rows": 3, "data-testid": "preset-legal-footer"}),
    )
    support_email = forms.EmailField(
        label=gettext_lazy("Support address"),
        required=False,
        max_length=254,
        help_text=gettext_lazy("Where the people of your clients write when they need help."),
        widget=forms.EmailInput(
            attrs={"autocomplete": "off", "data-testid": "preset-support-email"}
        ),
    )
    sender = forms.EmailField(
        label=gettext_lazy("Sender of mails"),
        required=False,
        max_length=254,
        help_text=gettext_lazy(
            "Mails of your clients leave from this address. Its domain must be proven under "
            "Single sign-on, Mail domains."
        ),
        widget=forms.EmailInput(attrs={"autocomplete": "off", "data-testid": "preset-sender"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in presets.LOCKABLE:
            self.fields[f"lock_{name}"] = forms.BooleanField(
                label=LOCK,
                required=False,
                widget=forms.CheckboxInput(attrs={"data-testid": f"preset-lock-{name}"}),
            )

    @property
    def locks(self) -> dict[str, Any]:
        """Return the lock of each field, for the template."""
        return {name: self[f"lock_{name}"] for name in presets.LOCKABLE}

    def values(self) -> presets.PresetValues:
        """Return what a valid form sets."""
        data = self.cleaned_data
        return presets.PresetValues(
            primary=data["primary"],
            accent=data["accent"],
            legal_footer=data["legal_footer"].strip(),
            support_email=data["support_email"].lower(),
            sender=data["sender"].lower(),
        )

    def locked(self) -> frozenset[str]:
        """Return the fields that a valid form locks."""
        return frozenset(name for name in presets.LOCKABLE if self.cleaned_data.get(f"lock_{name}"))
