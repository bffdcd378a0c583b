"""The brand preset of a reseller: edit, publish, bring a version back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from tenants.branding import logo as logos
from tenants.branding import look, presets, tokens
from tenants.branding.errors import ContrastRefused, LockWithoutValue
from tenants.branding.logo import LogoFiles
from tremplin.kernel.settings_store import InvalidSettings
from tremplin.operations.reseller import presets as rules
from tremplin.operations.reseller.access import MANAGE, here, reseller_page
from tremplin.operations.reseller.presets_forms import PresetForm

REFUSALS = (
    logos.LogoRefused,
    ContrastRefused,
    LockWithoutValue,
    rules.SenderNotProven,
    InvalidSettings,
)


@require_http_methods(["GET", "POST"])
@reseller_page(MANAGE)
def edit(request: HttpRequest) -> HttpResponse:
    """Show the preset in force; a POST publishes a new version of it."""
    reseller = here(request)
    current = presets.current(reseller)
    if request.method != "POST":
        form = PresetForm(initial=_initial(reseller))
        return render(request, "operations/reseller/brand.html", _context(request, form))
    form = PresetForm(_data(request), request.FILES)
    if form.is_valid():
        try:
            preset = rules.publish(
                reseller,
                form.values(),
                form.locked(),
                author=_person(request),
                logo=_logo(request, form),
            )
        except REFUSALS as refused:
            _explain(form, refused)
        else:
            messages.success(request, _published(preset.number, first=current is None))
            return redirect("reseller:brand")
    return render(request, "operations/reseller/brand.html", _context(request, form), status=422)


@require_POST
@reseller_page(MANAGE)
def restore(request: HttpRequest, number: int) -> HttpResponse:
    """Publish a former version of the preset again."""
    try:
        preset = rules.restore(here(request), number, author=_person(request))
    except rules.SenderNotProven as refused:
        messages.error(request, _unproven(refused))
        return redirect("reseller:brand")
    if preset is None:
        raise Http404
    messages.success(
        request,
        gettext("Version %(old)s is back, as version %(new)s.")
        % {"old": number, "new": preset.number},
    )
    return redirect("reseller:brand")


def _person(request: HttpRequest) -> Any:
    return request.ctx.person.id  # type: ignore[attr-defined]


def _data(request: HttpRequest) -> Any:
    data = request.POST.copy()
    for name in look.COLOURS:
        data[name] = data.get(name, "").strip().lower()
    if accepted := data.get("use_primary"):
        data["primary"] = accepted
    return data


def _initial(reseller: Any) -> dict[str, Any]:
    current = presets.current(reseller)
    values: dict[str, Any] = asdict(presets.values_of(current))
    if current is not None:
        values |= {f"lock_{name}": True for name in current.locks}
    return values


def _logo(request: HttpRequest, form: PresetForm) -> LogoFiles | None:
    """Return the logo to publish: a new one, none at all, or None to keep the one in force."""
    upload = form.cleaned_data.get("logo")
    if upload is not None:
        if upload.size > logos.MAX_UPLOAD_BYTES:
            raise logos.LogoRefused(gettext("This file is larger than 5 MB. Send a smaller one."))
        return logos.store(upload.read())
    return LogoFiles("", "", "") if request.POST.get("logo_remove") else None


def _context(request: HttpRequest, form: PresetForm) -> dict[str, Any]:
    reseller = here(request)
    current = presets.current(reseller)
    primary = str(form["primary"].value() or "")
    return {
        "form": form,
        "current": current,
        "versions": presets.versions(reseller),
        "followers": rules.followers(reseller, current) if current is not None else [],
        "logo_url": look.file_url(current.logo_file) if current is not None else "",
        "verdict": tokens.guard(primary) if tokens.HEX.match(primary) else None,
    }


def _published(number: int, *, first: bool) -> str:
    if first:
        return gettext("The preset is published: your clients show it from now on.")
    return gettext("Version %(number)s is published: your clients follow it from now on.") % {
        "number": number
    }


def _explain(form: PresetForm, error: Exception) -> None:
    """Put what is wrong beside its field."""
    if isinstance(error, ContrastRefused):
        form.add_error("primary", gettext("This colour is too light: accept the darker one below."))
    elif isinstance(error, LockWithoutValue):
        for name in error.fields:
            form.add_error(name, gettext("Fill this in before you lock it, or take the lock away."))
    elif isinstance(error, rules.SenderNotProven):
        form.add_error("sender", _unproven(error))
    elif isinstance(error, InvalidSettings):
        for name in error.errors:
            form.add_error(name, gettext("This value is not valid here."))
    else:
        form.add_error("logo", str(error))


def _unproven(error: rules.SenderNotProven) -> str:
    return gettext(
        "Prove first that the domain %(domain)s is yours: Single sign-on, Mail domains."
    ) % {"domain": error.domain}
