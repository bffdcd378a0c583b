"""A person's own profile: names, language, sections contributed by modules."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext, gettext_lazy

from tremplin.api import hookspecs, services
from tremplin.identity.models import User
from tremplin.kernel.access import guarded
from tremplin.kernel.dispatch import dispatcher


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """The fields a person may change about herself; roles and e-mail are not among them."""

    locale = forms.ChoiceField(
        label=gettext_lazy("Language"),
        required=False,
        choices=[
            ("", gettext_lazy("The language of the space")),
            ("fr", "Français"),
            ("en", "English"),
        ],
    )

    class Meta:
        model = User
        fields = ("first_name", "last_name", "locale")
        labels = {
            "first_name": gettext_lazy("First name"),
            "last_name": gettext_lazy("Last name"),
        }


@guarded()
def profile(request: HttpRequest) -> HttpResponse:
    """Show and change one's own profile."""
    ctx, person = request.ctx, request.ctx.person
    form = ProfileForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, gettext("Your profile is saved."))
        return redirect("portal:profile")
    answers = dispatcher.collect(hookspecs.profile_sections, ctx.enabled, ctx=ctx, person=person)
    sections = sorted(
        (a.value for a in answers if not a.value.permission or ctx.can(a.value.permission)),
        key=lambda section: section.order,
    )
    context = {
        "form": form,
        "sections": sections,
        "evidence": services.profiles().evidence(person.id),
    }
    status = 422 if form.errors else 200
    return render(request, "portal/pages/profile.html", context, status=status)
