"""Pages of the module. ``@view`` says who may call them; the platform checks it."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from tremplin.api import services, view
from tremplin_skill_radar.drawing import radar
from tremplin_skill_radar.selectors import levels_of
from tremplin_skill_radar.services import set_target


class TargetForm(forms.Form):
    """The level wanted in one skill."""

    skill = forms.ChoiceField(label=_("Skill"))
    level = forms.IntegerField(
        label=_("Level to reach, in percent"),
        min_value=0,
        max_value=100,
        help_text=_("0 removes the target."),
    )


def _page(request: HttpRequest, form: TargetForm | None = None) -> HttpResponse:
    levels = levels_of(request.ctx.person.id)
    if form is None:
        form = TargetForm()
        form.fields["skill"].choices = [(row.skill, row.label) for row in levels]
    context = {"form": form, "levels": levels, "radar": radar(levels)}
    status = 422 if form.is_bound else 200
    return render(request, "skill_radar/home.html", context, status=status)


@view(permission="skill_radar.use")
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Show the caller's own radar and table."""
    return _page(request)


@view(permission="skill_radar.use")
@require_POST
def target(request: HttpRequest) -> HttpResponse:
    """Set a target."""
    form = TargetForm(request.POST)
    levels = levels_of(request.ctx.person.id)
    form.fields["skill"].choices = [(row.skill, row.label) for row in levels]
    if not form.is_valid():
        return _page(request, form)
    if set_target(request.ctx, form.cleaned_data["skill"], form.cleaned_data["level"]):
        messages.success(request, gettext("Your target is saved."))
    return redirect("skill_radar:home")


@view(permission="skill_radar.use")
@require_GET
def card(request: HttpRequest) -> HttpResponse:
    """The card of the dashboard, loaded on its own."""
    levels = levels_of(request.ctx.person.id)
    best = max(levels, key=lambda row: row.percent, default=None)
    return render(request, "skill_radar/fragments/card.html", {"levels": levels, "best": best})


@view()
@require_GET
def person(request: HttpRequest, person: UUID) -> HttpResponse:
    """The radar of one person, for herself and for those who may see everybody's."""
    ctx = request.ctx
    if ctx.person.id != person and not ctx.can("skill_radar.follow"):
        raise Http404
    if services.people().get(person) is None:
        raise Http404
    levels = levels_of(person)
    context = {"levels": levels, "radar": radar(levels)}
    return render(request, "skill_radar/fragments/radar.html", context)
