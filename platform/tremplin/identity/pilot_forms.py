"""Forms of the temporary accounts."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tremplin.api.context import TenantContext
from tremplin.identity.models import Cohort
from tremplin.identity.normalise import is_email, is_reachable, normalise_email
from tremplin.identity.people_forms import role_choices
from tremplin.identity.services.pilots import MAX_ACCOUNTS

_BETWEEN = re.compile(r"[\s,;]+")
DAYS = 30


def end_of(day: date, zone: str) -> datetime:
    """Return the instant at which an account ends that works until ``day`` included."""
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone))


def _date_input(testid: str) -> forms.DateInput:
    return forms.DateInput({"type": "date", "data-testid": testid}, format="%Y-%m-%d")


class PilotsForm(forms.Form):
    """1 to 20 accounts with the same role and end date."""

    prefix = forms.CharField(
        label=_("Prefix of the addresses"),
        max_length=30,
        required=False,
        help_text=_("“pilot” gives pilot-01, pilot-02… These accounts receive no mail."),
        widget=forms.TextInput({"autocomplete": "off", "data-testid": "pilot-prefix"}),
    )
    count = forms.IntegerField(
        label=_("Number of accounts"),
        min_value=1,
        max_value=MAX_ACCOUNTS,
        required=False,
        help_text=_("1 to 20."),
        widget=forms.NumberInput({"data-testid": "pilot-count"}),
    )
    emails = forms.CharField(
        label=_("Or real e-mail addresses"),
        max_length=6_000,
        required=False,
        help_text=_("One per line, 20 at most. Then prefix and number are not used."),
        widget=forms.Textarea({"rows": 3, "autocomplete": "off", "data-testid": "pilot-emails"}),
    )
    role = forms.ChoiceField(label=_("Role"), widget=forms.Select({"data-testid": "pilot-role"}))
    cohort = forms.ModelChoiceField(
        label=_("Cohort"),
        queryset=Cohort.objects.none(),
        required=False,
        empty_label=_("No cohort"),
        widget=forms.Select({"data-testid": "pilot-cohort"}),
    )
    ends_on = forms.DateField(
        label=_("Last day"),
        help_text=_("The accounts end at midnight after this day."),
        widget=_date_input("pilot-ends"),
    )
    locale = forms.ChoiceField(label=_("Language"), required=False)
    token = forms.CharField(max_length=32, widget=forms.HiddenInput)

    def __init__(self, *args: Any, ctx: TenantContext, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = ctx.tenant.timezone
        self.fields["role"].choices = role_choices(ctx)  # type: ignore[attr-defined]
        self.fields["role"].initial = "learner"
        self.fields["role"].error_messages |= {
            "invalid_choice": gettext("You may not give or take this role.")
        }
        self.fields["cohort"].queryset = Cohort.objects.all()  # type: ignore[attr-defined]
        self.fields["prefix"].initial = gettext("pilot")
        self.fields["count"].initial = 10
        self.fields["ends_on"].initial = timezone.localdate() + timedelta(days=DAYS)
        self.fields["locale"].choices = [  # type: ignore[attr-defined]
            ("", gettext("The space's language")),
            *((code, gettext(str(name))) for code, name in settings.LANGUAGES),
        ]

    def clean_emails(self) -> list[str]:
        """Return the distinct addresses; name those that mail cannot reach."""
        found = dict.fromkeys(
            normalise_email(part) for part in _BETWEEN.split(self.cleaned_data["emails"]) if part
        )
        wrong = [email for email in found if not is_email(email) or not is_reachable(email)]
        if wrong:
            raise forms.ValidationError(
                gettext("Not an e-mail address: %(list)s") % {"list": ", ".join(wrong[:5])}
            )
        if len(found) > MAX_ACCOUNTS:
            raise forms.ValidationError(gettext("Create 1 to 20 accounts at a time."))
        return list(found)

    def clean(self) -> dict[str, Any]:
        """Ask for a prefix and a number when no address is given; turn the day into an instant."""
        values: dict[str, Any] = super().clean() or {}
        if not values.get("emails") and "emails" not in self.errors:
            if not values.get("prefix") and "prefix" not in self.errors:
                self.add_error("prefix", gettext("Give a prefix with letters or digits."))
            if not values.get("count") and "count" not in self.errors:
                self.add_error("count", gettext("Create 1 to 20 accounts at a time."))
        if values.get("ends_on"):
            values["expires_at"] = end_of(values["ends_on"], self.zone)
        return values


class ExtendForm(forms.Form):
    """A new last day."""

    ends_on = forms.DateField(label=_("Last day"), widget=_date_input("pilot-new-end"))

    def __init__(self, *args: Any, zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = zone

    @property
    def expires_at(self) -> datetime:
        """Return the instant at which the account ends; call it on a valid form."""
        return end_of(self.cleaned_data["ends_on"], self.zone)


class KeepForm(forms.Form):
    """The address of the person who keeps the account."""

    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        required=False,
        widget=forms.EmailInput({"autocomplete": "off", "data-testid": "pilot-email"}),
    )

    def __init__(self, *args: Any, needed: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].required = needed
        self.fields["email"].help_text = (
            gettext("This account was made without an address: it becomes the name to sign in.")
            if needed
            else gettext("Leave it empty to keep the present one.")
        )


class PilotsActionForm(forms.Form):
    """An action on the ticked temporary accounts."""

    action = forms.ChoiceField(choices=[("extend", "extend"), ("end", "end")])
    person = forms.TypedMultipleChoiceField()
    ends_on = forms.DateField(required=False)

    def __init__(self, *args: Any, people: list[str], zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = zone
        self.fields["person"].choices = [(pk, pk) for pk in people]  # type: ignore[attr-defined]
        self.fields["person"].error_messages |= {
            "required": gettext("Tick at least one account."),
            "invalid_choice": gettext("Some of these people are not in this space any more."),
        }
        self.fields["action"].error_messages |= {
            "required": gettext("Choose an action."),
            "invalid_choice": gettext("Choose an action."),
        }

    def clean(self) -> dict[str, Any]:
        """Ask for the new last day."""
        values: dict[str, Any] = super().clean() or {}
        if values.get("action") == "extend" and "ends_on" not in self.errors:
            if values.get("ends_on"):
                values["expires_at"] = end_of(values["ends_on"], self.zone)
            else:
                self.add_error("ends_on", gettext("Choose an end date in the future."))
        return values
