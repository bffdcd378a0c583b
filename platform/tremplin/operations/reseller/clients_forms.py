"""The form of a new client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, gettext_lazy

from tenants import registry, slugs
from tenants.errors import TenancyError
from tremplin.operations.reseller import clients

if TYPE_CHECKING:
    from tenants.registry import TenantInfo
    from tremplin.billing.cards import PlanCard


class ClientForm(forms.Form):
    """Who the client is, who runs it, what it may do, and which client it is made like."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    name = forms.CharField(label=gettext_lazy("Name of the client"), min_length=2, max_length=100)
    slug = forms.CharField(
        label=gettext_lazy("Address of the space"),
        max_length=40,
        help_text=gettext_lazy("Lower-case letters, digits and hyphens."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Type"),
        choices=[
            ("school", gettext_lazy("School or training centre")),
            ("company", gettext_lazy("Company")),
        ],
    )
    locale = forms.ChoiceField(label=gettext_lazy("Language"), choices=settings.LANGUAGES)
    email = forms.EmailField(
        label=gettext_lazy("E-mail of the first administrator"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("An invitation leaves as soon as the space is ready."),
    )
    plan = forms.ChoiceField(label=gettext_lazy("Plan"), required=False)
    template = forms.ChoiceField(
        label=gettext_lazy("Made like"),
        required=False,
        help_text=gettext_lazy(
            "Modules, settings, look and ready-made content are taken over. People, what they "
            "wrote, passwords and keys never are."
        ),
    )

    def __init__(
        self, *args: Any, reseller: TenantInfo, plans: list[PlanCard], **kwargs: Any
    ) -> None:
        kwargs["initial"] = {
            "key": uuid4(),
            "locale": reseller.locale,
            "kind": "school",
            **kwargs.get("initial", {}),
        }
        super().__init__(*args, **kwargs)
        self.plans = plans
        self.templates = [
            (str(tenant.uuid), gettext("Clone of %(name)s (no people)") % {"name": tenant.name})
            for tenant in clients.of(reseller)
            if tenant.status == "active"
        ]
        plan, template = cast("Any", self.fields["plan"]), cast("Any", self.fields["template"])
        plan.choices = [(card.version.plan.key, card.name) for card in plans]
        plan.required = bool(plans)
        plan.help_text = gettext(
            "A paid plan is open for %(days)s days; the client then buys it, or another one."
        ) % {"days": clients.TRIAL_DAYS}
        template.choices = [("", gettext("An empty space")), *self.templates]

    def clean_name(self) -> str:
        return " ".join(str(self.cleaned_data["name"]).split())

    def clean_slug(self) -> str:
        slug = str(self.cleaned_data["slug"]).strip().lower()
        try:
            return slugs.check(slug)
        except TenancyError as error:
            raise ValidationError(str(error)) from error

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).strip().lower()

    def throttled(self) -> ValidationError:
        """Return the refusal of too many creations in an hour."""
        return ValidationError(
            gettext("Too many clients in an hour. Try again later."), "throttled"
        )

    def wish(self) -> clients.Wish:
        """Return what a valid form asks for."""
        data = self.cleaned_data
        return clients.Wish(
            name=data["name"],
            slug=data["slug"],
            kind=data["kind"],
            email=data["email"],
            locale=data["locale"],
            plan=data["plan"],
            is_paid=any(
                card.version.plan.key == data["plan"]
                and (card.month is None or card.month.amount_minor)
                for card in self.plans
            ),
            template=registry.by_uuid(data["template"]) if data["template"] else None,
        )
