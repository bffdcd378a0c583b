"""Forms of the people pages of the console."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tremplin.api.context import TenantContext
from tremplin.identity import roles as role_catalogue
from tremplin.identity.importing.worker import MAX_BYTES
from tremplin.identity.internal import authority
from tremplin.identity.internal.bulk import ACTIONS
from tremplin.identity.models import Cohort
from tremplin.identity.normalise import is_email, normalise_email, slugify

MAX_INVITED = 200
_BETWEEN = re.compile(r"[\s,;]+")


def role_choices(ctx: TenantContext) -> list[tuple[str, str]]:
    """Return the roles the person may give, with their labels."""
    return [(role.code, role_catalogue.label(role.code)) for role in authority.assignable(ctx)]


class InviteForm(forms.Form):
    """One or several addresses, their roles and a cohort."""

    emails = forms.CharField(
        label=_("E-mail addresses"),
        help_text=_("One per line, or separated by commas. 200 at most."),
        max_length=60_000,
        widget=forms.Textarea({"rows": 4, "autocomplete": "off", "data-testid": "invite-emails"}),
    )
    roles = forms.MultipleChoiceField(label=_("Roles"), widget=forms.CheckboxSelectMultiple)
    cohort = forms.ModelChoiceField(
        label=_("Cohort"),
        queryset=Cohort.objects.none(),
        required=False,
        empty_label=_("No cohort"),
    )

    def __init__(self, *args: Any, ctx: TenantContext, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["roles"].choices = role_choices(ctx)  # type: ignore[attr-defined]
        self.fields["roles"].initial = ["learner"]
        self.fields["cohort"].queryset = Cohort.objects.all()  # type: ignore[attr-defined]

    def clean_emails(self) -> list[str]:
        """Return the distinct addresses; name those that are not addresses."""
        found = dict.fromkeys(
            normalise_email(part) for part in _BETWEEN.split(self.cleaned_data["emails"]) if part
        )
        wrong = [email for email in found if not is_email(email)]
        if wrong:
            raise forms.ValidationError(
                gettext("Not an e-mail address: %(list)s") % {"list": ", ".join(wrong[:5])}
            )
        if len(found) > MAX_INVITED:
            raise forms.ValidationError(
                gettext("200 addresses at most. For more, import a CSV file.")
            )
        return list(found)


class PersonForm(forms.Form):
    """Names and language of someone."""

    first_name = forms.CharField(label=_("First name"), max_length=100, required=False)
    last_name = forms.CharField(label=_("Last name"), max_length=100, required=False)
    locale = forms.ChoiceField(label=_("Language"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["locale"].choices = [  # type: ignore[attr-defined]
            ("", gettext("The space's language")),
            *((code, gettext(str(name))) for code, name in settings.LANGUAGES),
        ]


class RolesForm(forms.Form):
    """The roles of someone; those beyond the person's reach are shown but not offered."""

    roles = forms.MultipleChoiceField(
        label=_("Roles"), widget=forms.CheckboxSelectMultiple, required=False
    )

    def __init__(self, *args: Any, ctx: TenantContext, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["roles"].choices = role_choices(ctx)  # type: ignore[attr-defined]


class CohortsForm(forms.Form):
    """The cohorts of someone."""

    cohorts = forms.ModelMultipleChoiceField(
        label=_("Cohorts"),
        queryset=Cohort.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["cohorts"].queryset = Cohort.objects.all()  # type: ignore[attr-defined]


def notice_choices() -> list[tuple[str, str]]:
    """Return what may be mailed to someone whose account is suspended."""
    return [
        ("", gettext("No mail")),
        ("plain", gettext("A mail without the reason")),
        ("reason", gettext("A mail with the reason")),
    ]


class ReasonForm(forms.Form):
    """Why an account is suspended, and whether its person is told."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=300,
        help_text=_("Shown to the people who manage this space."),
        widget=forms.TextInput({"data-testid": "suspend-reason"}),
    )
    notify = forms.ChoiceField(
        label=_("Mail to the person"),
        required=False,
        widget=forms.Select({"data-testid": "suspend-notify"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["notify"].choices = notice_choices()  # type: ignore[attr-defined]


class FactorResetForm(forms.Form):
    """Why a second factor goes: a code, as the audit log holds no free text about a person."""

    reason = forms.ChoiceField(
        label=_("Why"),
        choices=[
            ("", _("Choose a reason")),
            ("lost", _("The device is lost or broken")),
            ("replaced", _("The device was replaced")),
            ("suspicion", _("Somebody else may hold the device")),
            ("other", _("Another reason")),
        ],
        help_text=_("It stays in the audit log."),
        widget=forms.Select({"data-testid": "factor-reason"}),
    )


class CohortForm(forms.Form):
    """The name of a cohort."""

    name = forms.CharField(
        label=_("Name"), max_length=120, widget=forms.TextInput({"data-testid": "cohort-name"})
    )

    def clean_name(self) -> str:
        """Refuse a name without letters or digits: it could have no address."""
        name: str = self.cleaned_data["name"]
        if not slugify(name):
            raise forms.ValidationError(gettext("Give the cohort a name with letters or digits."))
        return name


class UploadForm(forms.Form):
    """A list of people as CSV."""

    file = forms.FileField(
        label=_("CSV file"),
        help_text=_("At most 5 MB and 10,000 lines."),
        widget=forms.FileInput({"accept": ".csv,.txt,text/csv", "data-testid": "import-file"}),
    )
    role = forms.ChoiceField(
        label=_("Role of lines that name none"), widget=forms.Select({"data-testid": "import-role"})
    )
    cohort = forms.CharField(
        label=_("Cohort of lines that name none"),
        max_length=120,
        required=False,
        help_text=_("An existing cohort or a new one."),
        widget=forms.TextInput({"list": "known-cohorts", "data-testid": "import-cohort"}),
    )

    def __init__(self, *args: Any, ctx: TenantContext, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = role_choices(ctx)  # type: ignore[attr-defined]
        self.fields["role"].initial = "learner"

    def clean_file(self) -> Any:
        """Refuse files that are too big before reading them."""
        file = self.cleaned_data["file"]
        if file.size > MAX_BYTES:
            raise forms.ValidationError(
                gettext("The file is larger than 5 MB. Split it in several files.")
            )
        return file


class BulkForm(forms.Form):
    """An action on the ticked people, or on everyone that the filter of the list finds."""

    action = forms.ChoiceField()
    person = forms.TypedMultipleChoiceField(required=False)
    everyone = forms.BooleanField(required=False)
    role = forms.ChoiceField(required=False)
    cohort = forms.ModelChoiceField(queryset=Cohort.objects.none(), required=False)

    def __init__(self, *args: Any, ctx: TenantContext, people: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["action"].choices = [(name, name) for name in ACTIONS]  # type: ignore[attr-defined]
        self.fields["action"].error_messages |= {
            "required": gettext("Choose an action."),
            "invalid_choice": gettext("Choose an action."),
        }
        self.fields["person"].choices = [(pk, pk) for pk in people]  # type: ignore[attr-defined]
        self.fields["person"].error_messages |= {
            "invalid_choice": gettext("Some of these people are not in this space any more."),
        }
        self.fields["role"].choices = [("", ""), *role_choices(ctx)]  # type: ignore[attr-defined]
        self.fields["role"].error_messages |= {
            "invalid_choice": gettext("You may not give or take this role.")
        }
        self.fields["cohort"].queryset = Cohort.objects.all()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Ask for people, and for the role or the cohort that the action needs."""
        values: dict[str, Any] = super().clean() or {}
        action = values.get("action", "")
        if not values.get("everyone") and not values.get("person") and "person" not in self.errors:
            self.add_error("person", gettext("Tick at least one person."))
        if action.startswith("role_"):
            if not values.get("role") and "role" not in self.errors:
                self.add_error("role", gettext("Choose a role."))
        else:
            values["role"] = ""
        if not action.startswith("cohort_"):
            values["cohort"] = None
        elif not values.get("cohort") and "cohort" not in self.errors:
            self.add_error("cohort", gettext("Choose a cohort."))
        return values


class ConfirmForm(forms.Form):
    """What the preview page sends: the number it announced and, to suspend, a reason."""

    expected = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    reason = forms.CharField(
        label=_("Reason"),
        max_length=300,
        required=False,
        help_text=_("Shown to the people who manage this space."),
        widget=forms.TextInput({"data-testid": "bulk-reason"}),
    )
    notify = forms.ChoiceField(
        label=_("Mail to the person"),
        required=False,
        widget=forms.Select({"data-testid": "bulk-notify"}),
    )

    def __init__(self, *args: Any, action: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["notify"].choices = notice_choices()  # type: ignore[attr-defined]
        if action == "suspend":
            self.fields["reason"].required = True
            self.fields["reason"].error_messages |= {
                "required": gettext("Give a reason: it is shown to your colleagues.")
            }
        else:
            del self.fields["reason"]
        if action == "resume":
            self.fields["notify"].choices = notice_choices()[:2]  # type: ignore[attr-defined]
        elif action != "suspend":
            del self.fields["notify"]
