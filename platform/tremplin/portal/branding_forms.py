"""Forms of the branding page: the look of a space and its texts, under the locks of its reseller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext, gettext_lazy

from tenants import registry
from tenants.branding import look, texts, themes, tokens
from tenants.branding import services as branding

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

FONTS = {
    "inter": "Inter",
    "manrope": "Manrope",
    "bricolage": "Bricolage Grotesque",
    "source-serif": "Source Serif 4",
}


@dataclass(frozen=True, slots=True)
class Kept:
    """What the reseller sets for its clients: the fields it locks, all its values, its name."""

    names: frozenset[str] = frozenset()
    values: Mapping[str, str] = field(default_factory=dict)
    provider: str = ""

    def refusal(self) -> str:
        return gettext("%(provider)s sets this for all its clients: it cannot be changed here.") % {
            "provider": self.provider
        }

    def hint(self, name: str, shown: str) -> str:
        """Return whether a field that is free follows the reseller, and how it would."""
        text = (
            gettext("Follows %(provider)s. Another colour becomes your own.")
            if shown == self.values[name]
            else gettext("Your own. Write %(value)s to follow %(provider)s again.")
        )
        return text % {"provider": self.provider, "value": self.values[name]}


def kept_in(tenant: TenantInfo) -> Kept:
    """Return what the reseller of a space sets and locks (nothing without one)."""
    preset = look.preset_for(tenant)
    reseller = registry.by_pk(tenant.reseller_pk) if tenant.reseller_pk else None
    if preset is None or reseller is None:
        return Kept()
    given = {name: str(value) for name, value in preset.values.items() if value}
    return Kept(frozenset(preset.locks), given, reseller.name)


def _theme_choices() -> list[tuple[str, str]]:
    return [(theme.name, theme.label) for theme in themes.installed().values()]


class BrandForm(forms.Form):
    """The choices of an administrator; the contrast of the primary colour is checked on publish."""

    logo = forms.FileField(
        label=gettext_lazy("Logo"),
        required=False,
        help_text=gettext_lazy("PNG, JPEG, WebP or SVG, at most 5 MB."),
    )
    short_name = forms.CharField(
        label=gettext_lazy("Short name"),
        max_length=24,
        required=False,
        help_text=gettext_lazy("Shown where the full name does not fit."),
    )
    primary = forms.RegexField(
        label=gettext_lazy("Primary colour"),
        regex=tokens.HEX,
        error_messages={
            "invalid": gettext_lazy("Write the colour as # and six digits, such as #1e40af.")
        },
    )
    accent = forms.RegexField(
        label=gettext_lazy("Second colour"),
        regex=tokens.HEX,
        error_messages={
            "invalid": gettext_lazy("Write the colour as # and six digits, such as #1e40af.")
        },
    )
    font_heading = forms.ChoiceField(label=gettext_lazy("Headings"), choices=FONTS.items())
    font_body = forms.ChoiceField(label=gettext_lazy("Text"), choices=FONTS.items())
    pack = forms.ChoiceField(
        label=gettext_lazy("Style"),
        choices=[
            ("vega", gettext_lazy("Vega: rounded and airy")),
            ("nova", gettext_lazy("Nova: compact")),
            ("lyra", gettext_lazy("Lyra: square and dense")),
            ("sera", gettext_lazy("Sera: editorial")),
        ],
    )
    sidebar = forms.ChoiceField(
        label=gettext_lazy("Side bar"),
        choices=[
            ("light", gettext_lazy("Light")),
            ("dark", gettext_lazy("Dark")),
            ("brand", gettext_lazy("In the brand colour")),
        ],
    )
    radius = forms.IntegerField(
        label=gettext_lazy("Corner radius (pixels)"), min_value=0, max_value=24
    )
    theme = forms.ChoiceField(label=gettext_lazy("Theme"), choices=_theme_choices)

    def __init__(self, *args: Any, kept: Kept, **kwargs: Any) -> None:
        """``kept`` is what the reseller decides: it is shown, and refused when sent all the same."""
        super().__init__(*args, **kwargs)
        self.kept = kept
        for name in kept.names & set(self.fields):
            self.fields[name].disabled = True
            if name in kept.values:
                self.initial[name] = kept.values[name]
        for name in (kept.values.keys() & {"primary", "accent"}) - kept.names:
            self.fields[name].help_text = kept.hint(name, str(self[name].value() or ""))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for name in self.kept.names & set(self.fields):
            sent = self.files.get(name) or str(self.data.get(name, "")).strip().lower()
            if sent and sent != self.kept.values.get(name):
                self.add_error(name, self.kept.refusal())
        return data

    def clean_primary(self) -> str:
        return str(self.cleaned_data["primary"]).lower()

    def clean_accent(self) -> str:
        return str(self.cleaned_data["accent"]).lower()

    def inputs(self) -> branding.Inputs:
        values = {key: value for key, value in self.cleaned_data.items() if key != "logo"}
        return branding.Inputs(**values)


class TextsForm(forms.Form):
    """What the space says under its pages and mails; a text that the reseller locks is shown only."""

    legal_footer = forms.CharField(
        label=gettext_lazy("Legal line"),
        required=False,
        max_length=texts.LONGEST_FOOTER,
        widget=forms.Textarea(attrs={"rows": 3, "data-testid": "brand-legal-footer"}),
        help_text=gettext_lazy("Shown at the foot of every page and mail."),
    )
    support_email = forms.EmailField(
        label=gettext_lazy("Support address"),
        required=False,
        max_length=254,
        widget=forms.EmailInput(
            attrs={"autocomplete": "off", "data-testid": "brand-support-email"}
        ),
        help_text=gettext_lazy("Where people write when they need help."),
    )

    def __init__(self, *args: Any, tenant: TenantInfo, kept: Kept, **kwargs: Any) -> None:
        said = texts.of(tenant)
        self.kept = kept
        super().__init__(
            *args,
            initial={"legal_footer": said.legal_footer, "support_email": said.support_email},
            **kwargs,
        )
        for name in kept.names & set(self.fields):
            self.fields[name].disabled = True

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for name in self.kept.names & set(self.fields):
            sent = " ".join(str(self.data.get(name, "")).split())
            if sent and sent != " ".join(str(self.initial[name]).split()):
                self.add_error(name, self.kept.refusal())
        return data
