"""Sample data of the style guide page: one of each state a component can show."""

from __future__ import annotations

from typing import Any

from django import forms, template
from django.core.paginator import Page, Paginator
from django.utils.translation import gettext as _

register = template.Library()


class SampleForm(forms.Form):
    """Every kind of field, to show labels, help, errors and disabled states."""

    name = forms.CharField(max_length=80)
    email = forms.EmailField(required=False)
    kind = forms.ChoiceField()
    start = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}))
    about = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    policy = forms.ChoiceField(widget=forms.RadioSelect)
    cohorts = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    document = forms.FileField(required=False)
    terms = forms.BooleanField()
    locked = forms.CharField(required=False, disabled=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        texts = {
            "name": (_("Name"), _("Shown to learners on every page.")),
            "email": (_("E-mail"), ""),
            "kind": (_("Kind of space"), ""),
            "start": (_("Start date"), ""),
            "about": (_("Description"), _("Two or three sentences.")),
            "policy": (_("Sign-up policy"), ""),
            "cohorts": (_("Cohorts"), _("The quiz is assigned to all of their members.")),
            "document": (_("Document"), _("PDF, 10 MB at most.")),
            "terms": (_("I accept the terms of use"), ""),
            "locked": (_("Support address"), _("Locked by your reseller.")),
        }
        for field_name, (label, help_text) in texts.items():
            self.fields[field_name].label = label
            self.fields[field_name].help_text = help_text
        self.fields["locked"].initial = "support@passerelle.example"
        kinds = [("school", _("School")), ("company", _("Company"))]
        policies = [
            ("open", _("Open to all")),
            ("invitation", _("By invitation")),
            ("domain", _("By e-mail domain")),
        ]
        self.fields["kind"].choices = kinds  # type: ignore[attr-defined]
        self.fields["policy"].choices = policies  # type: ignore[attr-defined]
        self.fields["cohorts"].choices = [  # type: ignore[attr-defined]
            ("a", "CAP Maintenance 2026-A"),
            ("b", "Bac Pro VE 2026-B"),
        ]


def _months() -> list[str]:
    return [
        _("Dec"), _("Jan"), _("Feb"), _("Mar"), _("Apr"), _("May"),
        _("Jun"), _("Jul"), _("Aug"), _("Sep"), _("Oct"), _("Nov"),
    ]  # fmt: skip


def _page() -> Page[int]:
    return Paginator(range(1284), 25).page(7)


@register.simple_tag
def styleguide_sample() -> dict[str, Any]:
    """Return the data the style guide shows, in the active language."""
    activity = [121, 165, 152, 210, 249, 241, 263, 181, 141, 307, 355, 402]
    return {
        "activity": list(zip(_months(), activity, strict=True)),
        "results": {
            "labels": [_("Safety"), _("Diagnosis"), _("Battery"), _("Charging")],
            "series": [
                {"name": "CAP 2026-A", "values": [62, 48, 71, 55]},
                {"name": "Bac Pro 2026-B", "values": [78, 64, 69, 81]},
            ],
        },
        "answers": [(_("Right answers"), 68), (_("Partly right answers"), 14), (_("Wrong answers"), 18)],
        "form": SampleForm(),
        "errors": SampleForm(
            {"e-name": "", "e-email": "maud@", "e-policy": "open", "e-kind": "school"}, prefix="e"
        ),
        "page": _page(),
        "tabs": [
            {"label": _("Questions"), "url": "#tabs", "current": True, "badge": 8},
            {"label": _("Settings"), "url": "#tabs"},
            {"label": _("Results"), "url": "#tabs", "icon": "chart-column"},
        ],
        "trail": [
            {"label": _("Quiz"), "url": "#trail"},
            {"label": _("Library"), "url": "#trail"},
            {"label": "Sécurité haute tension"},
        ],
        "steps": [
            {"label": _("File"), "state": "done", "url": "#steps"},
            {"label": _("Verification"), "state": "current"},
            {"label": _("Import"), "state": "todo"},
        ],
        "checklist": [
            {"label": _("Publish your brand"), "done": True, "note": _("Logo, colours and fonts.")},
            {"label": _("Import people"), "done": True},
            {"label": _("Start a module"), "url": "#checklist", "note": _("Fourteen days to try it.")},
            {"label": _("Assign content"), "url": "#checklist"},
        ],
        "facts": [
            {"label": _("Questions"), "value": 8},
            {"label": _("Time limit"), "value": "12 min"},
            {"label": _("Attempts allowed"), "value": 2},
        ],
        "rows": [
            ("26/11 18:00", "Réussir son oral de stage", "C. Moreau", 212, "success"),
            ("01/12 12:30", "LinkedIn et les recruteurs", "A. Diallo", 148, "warning"),
            ("02/12 19:00", "Table ronde recruteurs", "N. Petit", 97, "muted"),
        ],
        "courses": [
            (_("Negotiation and objections"), 82),
            (_("CV and cover letter"), 64),
            (_("Interview in English, level B2"), 41),
            (_("Financial analysis"), 23),
        ],
    }  # fmt: skip
