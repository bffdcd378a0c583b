"""Pages of the module. ``@view`` says who may call them; the platform checks it."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from tremplin.api import Problem, view
from tremplin_sample_module import selectors, services


class ItemForm(forms.Form):
    """One line to add to the list."""

    title = forms.CharField(label=_("What do you want to do?"), max_length=120)


@view(permission="sample_module.use")
def home(request: HttpRequest) -> HttpResponse:
    """Show the caller's list and add to it."""
    form = ItemForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.add_item(request.ctx, form.cleaned_data["title"])
        except Problem as problem:
            form.add_error("title", problem.detail)
        else:
            messages.success(request, gettext("It is in your list."))
            return redirect("sample_module:home")
    items = list(selectors.items_of(request.ctx.person.id))
    context = {"form": form, "items": items, "waiting": any(not item.done_at for item in items)}
    status = 422 if form.is_bound else 200
    return render(request, "sample_module/home.html", context, status=status)


@view(permission="sample_module.use")
@require_POST
def finish(request: HttpRequest, item: UUID) -> HttpResponse:
    """Mark one item as finished."""
    services.finish_item(request.ctx, item)
    return redirect("sample_module:home")


@view(permission="sample_module.use")
@require_GET
def card(request: HttpRequest) -> HttpResponse:
    """The card of the dashboard, loaded on its own."""
    waiting = selectors.count_open(request.ctx.person.id)
    return render(request, "sample_module/fragments/card.html", {"waiting": waiting})


@view(permission="sample_module.follow")
@require_GET
def console(request: HttpRequest) -> HttpResponse:
    """Show staff how far everybody is."""
    return render(request, "sample_module/console.html", {"rows": selectors.everybody()})
