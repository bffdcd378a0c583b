"""Forms of the roles that a space makes for itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class RoleForm(forms.Form):
    """Name, purpose and permissions of a role; only what its author may hand on is offered."""

    label = forms.CharField(
        label=_("Name"),
        max_length=80,
        widget=forms.TextInput({"autocomplete": "off", "data-testid": "role-name"}),
    )
    description = forms.CharField(
        label=_("What this role is for"),
        max_length=300,
        required=False,
        widget=forms.Textarea({"rows": 2, "data-testid": "role-description"}),
    )
    permissions = forms.MultipleChoiceField(required=False)

    def __init__(self, *args: Any, grantable: Iterable[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["permissions"].choices = [(code, code) for code in sorted(grantable)]  # type: ignore[attr-defined]
        self.fields["permissions"].error_messages |= {
            "invalid_choice": gettext("You may not hand on this permission: %(value)s")
        }


class DeleteRoleForm(forms.Form):
    """Which role the holders get instead."""

    move_to = forms.ChoiceField(
        label=_("Role that its holders get instead"),
        required=False,
        widget=forms.Select({"data-testid": "role-move-to"}),
    )

    def __init__(
        self, *args: Any, choices: list[tuple[str, str]], needed: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["move_to"]
        field.choices = [("", gettext("Choose a role")), *choices]  # type: ignore[attr-defined]
        field.required = needed
        field.error_messages |= {
            "required": gettext("People hold this role: choose the one they get."),
            "invalid_choice": gettext("You may not give or take this role."),
        }
