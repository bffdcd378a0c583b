"""Forms of the marketplace: looking for a module, an opinion, a step of the review."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tremplin.marketplace import catalogue, quality, reviewing, screenshots
from tremplin.marketplace.catalogue import Filters
from tremplin.marketplace.models import Listing, Publisher


class FilterForm(forms.Form):
    """What a reader looks for in the catalogue; everything is optional."""

    q = forms.CharField(label=_("Search"), max_length=80, required=False)
    category = forms.ChoiceField(label=_("Category"), required=False)
    price = forms.ChoiceField(label=_("Price"), required=False)
    publisher = forms.ChoiceField(label=_("Publisher"), required=False)
    quality = forms.ChoiceField(label=_("Quality"), required=False)
    state = forms.ChoiceField(label=_("State"), required=False)

    def __init__(self, *args: Any, publishers: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        codes = ("learn", "work", "community", "manage")
        choices: dict[str, list[tuple[str, str]]] = {
            "category": [(code, catalogue.category_name(code)) for code in codes],
            "price": [(code, catalogue.price_name(code)) for code in catalogue.PRICES],
            "publisher": publishers,
            "quality": [(tier, quality.tier_name(tier)) for tier in quality.TIERS],
            "state": [(code, catalogue.status_name(code)) for code in catalogue.STATES],
        }
        for name, found in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101  declared above
            field.choices = [("", _("All")), *found]
            field.widget.attrs["class"] = "select w-full"
        self.fields["q"].widget = forms.TextInput(attrs={"type": "search", "class": "input w-full"})

    def filters(self) -> Filters:
        """Return the filters; a value that does not exist filters nothing."""
        self.is_valid()
        found = self.cleaned_data
        return Filters(
            text=found.get("q", ""),
            category=found.get("category", ""),
            price=found.get("price", ""),
            publisher=found.get("publisher", ""),
            quality=found.get("quality", ""),
            state=found.get("state", ""),
        )


class RatingForm(forms.Form):
    """One to five stars and a few words."""

    stars = forms.TypedChoiceField(
        label=_("Stars"),
        coerce=int,
        choices=[(5, "5"), (4, "4"), (3, "3"), (2, "2"), (1, "1")],
        widget=forms.RadioSelect(attrs={"class": "input"}),
        error_messages={"required": _("Choose one to five stars.")},
    )
    text = forms.CharField(
        label=_("Your opinion"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Read by every space: name nobody."),
    )


class AnswerForm(forms.Form):
    """The publisher's answer under an opinion."""

    text = forms.CharField(
        label=_("Answer"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )


class StepForm(forms.Form):
    """A step of the review, with its note."""

    state = forms.ChoiceField(label=_("Step"))
    note = forms.CharField(
        label=_("Note"),
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Kept in the history of the listing; the publisher reads it."),
    )

    def __init__(self, *args: Any, listing: Listing, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["state"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  declared above
        field.choices = [
            (state, reviewing.LABELS[Listing.State(state)])
            for state in reviewing.NEXT[listing.state]
        ]

    def clean(self) -> dict[str, Any]:
        """Ask for a reason where something is taken away."""
        cleaned = super().clean() or {}
        if cleaned.get("state") in reviewing.NEEDS_NOTE and not cleaned.get("note", "").strip():
            self.add_error("note", _("Say why: the publisher and the log need the reason."))
        return cleaned


class StopForm(forms.Form):
    """Why a module is stopped everywhere."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=300,
        error_messages={"required": _("Say why the module is stopped.")},
    )


class TextsForm(forms.ModelForm):
    """The texts and tags of a listing."""

    tags = forms.CharField(
        label=_("Tags"), required=False, help_text=_("Separated by commas."), max_length=300
    )

    class Meta:
        model = Listing
        fields = ("text_en", "text_fr")
        labels = {"text_en": _("Text in English"), "text_fr": _("Text in French")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["tags"].initial = ", ".join(self.instance.tags)

    def clean_tags(self) -> list[str]:
        """Return the tags, at most ten of forty characters."""
        found = [tag.strip() for tag in self.cleaned_data["tags"].split(",") if tag.strip()]
        if len(found) > 10 or any(len(tag) > 40 for tag in found):
            raise forms.ValidationError(_("Ten tags at most, of 40 characters at most."))
        return found


class ScreenshotForm(forms.Form):
    """A picture of a module with what it shows, for readers who do not see it."""

    picture = forms.FileField(
        label=_("Picture"),
        help_text=_("PNG, JPEG or WebP, 5 MB at most. Show no real person’s data."),
        error_messages={"required": _("Choose a picture.")},
    )
    alt_en = forms.CharField(label=_("What it shows, in English"), max_length=200)
    alt_fr = forms.CharField(label=_("What it shows, in French"), max_length=200)
    language = forms.ChoiceField(
        label=_("Language of the texts in it"),
        required=False,
        choices=[("", _("None: it suits every reader")), ("en", _("English")), ("fr", _("French"))],
    )

    def clean_picture(self) -> Any:
        """Refuse what is too large before it is read into memory."""
        picture = self.cleaned_data["picture"]
        if picture.size > screenshots.MAX_BYTES:
            raise forms.ValidationError(
                _("This picture is larger than 5 MB: choose a smaller one.")
            )
        return picture


class PublisherForm(forms.ModelForm):
    """The publisher's contacts and its part of the sales."""

    website = forms.URLField(label=_("Website"), required=False, assume_scheme="https")

    class Meta:
        model = Publisher
        fields = ("name", "website", "support_email", "security_email", "share_percent")
        labels = {
            "name": _("Name"),
            "support_email": _("Support"),
            "security_email": _("Security contact"),
            "share_percent": _("Share of the sales (percent)"),
        }

    def clean_share_percent(self) -> Any:
        """Keep the share between nothing and everything."""
        share = self.cleaned_data["share_percent"]
        if not 0 <= share <= 100:
            raise forms.ValidationError(_("Between 0 and 100 percent."))
        return share
