"""The modules of a space: what each does, its trial, switching, settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.formats import date_format
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_POST

from tremplin.kernel import audit, clock, gate, registry, settings_store
from tremplin.kernel.access import guarded
from tremplin.kernel.registry import PluginEntry
from tremplin.kernel.settings_store.forms import settings_form

TRIAL_DAYS = 14


@dataclass(frozen=True, slots=True)
class ModuleCard:
    """A module as the console shows it, in the reader's language."""

    slug: str
    name: str
    summary: str
    category: str
    icon: str
    version: str
    publisher: str
    available: bool
    state: Any
    status: str

    @property
    def on(self) -> bool:
        return self.status in {"on", "trial"}


def _status(state: gate.ModuleStateInfo | None) -> str:
    if state is None or not state.activated:
        return "off" if state is None or state.first_activated_at is None else "stopped"
    if state.mode == "read_only":
        return "read_only"
    if state.mode == "off":
        return "ended"
    return "trial" if state.licensed_until else "on"


def _card(entry: PluginEntry, state: gate.ModuleStateInfo | None) -> ModuleCard:
    language = get_language() or "en"
    manifest = entry.manifest
    return ModuleCard(
        slug=entry.slug,
        name=manifest.name.in_language(language),
        summary=manifest.summary.in_language(language),
        category=manifest.category,
        icon=manifest.icon,
        version=manifest.version,
        publisher=manifest.publisher,
        available=entry.status == "ok",
        state=state,
        status=_status(state),
    )


def _entry(slug: str) -> PluginEntry:
    entry = registry.get(slug)
    if entry is None or entry.status != "ok":
        raise Http404
    return entry


@guarded(permission="portal.modules")
def index(request: HttpRequest) -> HttpResponse:
    """List every installed module with its state."""
    states = gate.states(request.tenant)
    cards = [_card(entry, states.get(entry.slug)) for entry in registry.installed()]
    return render(request, "portal/pages/modules.html", {"modules": cards})


def _detail_context(
    request: HttpRequest, entry: PluginEntry, form: forms.Form | None
) -> dict[str, Any]:
    language = get_language() or "en"
    card = _card(entry, gate.states(request.tenant).get(entry.slug))
    manifest = entry.manifest
    model = manifest.settings
    if form is None and model is not None:
        form = settings_form(model, request.tenant, entry.slug)
    processings = [
        {
            "label": line.label.in_language(language),
            "purpose": line.purpose.in_language(language),
            "days": line.retention_days,
        }
        for answer in registry.personal_data(entry.slug)
        if hasattr(answer, "describe")
        for line in answer.describe()
    ]
    return {
        "module": card,
        "data_use": manifest.data_use.in_language(language),
        "ai_use": manifest.ai_use.in_language(language),
        "processings": processings,
        "permissions": [
            {"label": item.label.in_language(language), "roles": item.default_roles}
            for item in manifest.permissions
        ],
        "requires": manifest.requires,
        "trial_days": TRIAL_DAYS,
        "form": form,
    }


@guarded(permission="portal.modules")
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one module: what it does with data and AI, its rights, its settings."""
    context = _detail_context(request, _entry(slug), None)
    return render(request, "portal/pages/module.html", context)


@require_POST
@guarded(permission="portal.modules")
def start_trial(request: HttpRequest, slug: str) -> HttpResponse:
    """Start the 14-day trial of a module, once per space, and switch it on."""
    entry = _entry(slug)
    state = gate.states(request.tenant).get(slug)
    if state is not None and state.first_activated_at is not None:
        messages.error(request, gettext("The trial of this module was already used in this space."))
        return redirect("portal:module", slug=slug)
    until = clock.now() + timedelta(days=TRIAL_DAYS)
    gate.set_licence(request.tenant, slug, "on", until=until, reason="trial")
    gate.activate(request.tenant, slug)
    audit.record("modules.trial_started", target=slug, data={"until": until.date().isoformat()})
    name = entry.manifest.name.in_language(get_language() or "en")
    messages.success(
        request,
        gettext("%(module)s is on trial until %(date)s.")
        % {"module": name, "date": date_format(until, "DATE_FORMAT")},
    )
    return redirect("portal:module", slug=slug)


@require_POST
@guarded(permission="portal.modules")
def switch(request: HttpRequest, slug: str) -> HttpResponse:
    """Switch a licensed module on or off; data is kept either way."""
    entry = _entry(slug)
    name = entry.manifest.name.in_language(get_language() or "en")
    state = gate.states(request.tenant).get(slug)
    if request.POST.get("state") == "off":
        gate.deactivate(request.tenant, slug)
        audit.record("modules.switched_off", target=slug)
        messages.success(
            request, gettext("%(module)s is off. Its data is kept.") % {"module": name}
        )
    elif state is None or state.licensed_mode == "off":
        messages.error(
            request, gettext("Start the trial first: this space has no licence for this module.")
        )
    else:
        gate.activate(request.tenant, slug)
        audit.record("modules.switched_on", target=slug)
        messages.success(request, gettext("%(module)s is on.") % {"module": name})
    return redirect("portal:module", slug=slug)


@require_POST
@guarded(permission="portal.modules")
def save_settings(request: HttpRequest, slug: str) -> HttpResponse:
    """Save the settings of a module for this space; locked fields stay as they are."""
    entry = _entry(slug)
    if entry.manifest.settings is None:
        raise Http404
    form = settings_form(entry.manifest.settings, request.tenant, slug, data=request.POST)
    if not form.is_valid():
        context = _detail_context(request, entry, form)
        return render(request, "portal/pages/module.html", context, status=422)
    settings_store.write("tenant", request.tenant.pk, slug, form.changed_values())
    audit.record(
        "modules.settings_changed", target=slug, data={"fields": sorted(form.changed_data)}
    )
    messages.success(request, gettext("The settings are saved."))
    return redirect("portal:module", slug=slug)
