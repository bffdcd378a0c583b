"""Pages of the profiles."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext, gettext_lazy

from tremplin.api import services
from tremplin.api.services import Accommodation
from tremplin.kernel.access import guarded
from tremplin.profiles.services import set_accommodation

EXTRA_TIME = [
    ("0/1", gettext_lazy("None")),
    ("1/4", gettext_lazy("A quarter more")),
    ("1/3", gettext_lazy("A third more")),
    ("1/2", gettext_lazy("Half more")),
    ("1/1", gettext_lazy("Twice the time")),
]


class AccommodationForm(forms.Form):
    """What a person needs; there is no field for the reason, on purpose."""

    extra_time = forms.ChoiceField(label=gettext_lazy("Extra time"), choices=EXTRA_TIME)
    no_audio = forms.BooleanField(label=gettext_lazy("Text only, no audio"), required=False)
    larger_text = forms.BooleanField(label=gettext_lazy("Larger text"), required=False)
    reduced_motion = forms.BooleanField(label=gettext_lazy("Reduced motion"), required=False)

    def value(self) -> Accommodation:
        numerator, denominator = self.cleaned_data["extra_time"].split("/")
        return Accommodation(
            extra_time_numerator=int(numerator),
            extra_time_denominator=int(denominator),
            no_audio=self.cleaned_data["no_audio"],
            larger_text=self.cleaned_data["larger_text"],
            reduced_motion=self.cleaned_data["reduced_motion"],
        )


@guarded(permission="profiles.manage_accommodations")
def accommodation(request: HttpRequest, person: UUID) -> HttpResponse:
    """Show and set what a person needs."""
    who = services.people().get(person)
    if who is None:
        raise Http404
    current = services.profiles().accommodation(person)
    initial = {
        "extra_time": f"{current.extra_time_numerator}/{current.extra_time_denominator}",
        "no_audio": current.no_audio,
        "larger_text": current.larger_text,
        "reduced_motion": current.reduced_motion,
    }
    form = AccommodationForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        changed = set_accommodation(person, form.value())
        messages.success(
            request,
            gettext("The accommodation is saved.") if changed else gettext("Nothing changed."),
        )
        return redirect("profiles:accommodation", person=person)
    context = {"person": who, "form": form}
    return render(
        request, "profiles/accommodation.html", context, status=422 if form.errors else 200
    )
