"""The clients of a reseller: the list, one client, a new one."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_http_methods

from tenants import slugs
from tenants.branding import look
from tenants.errors import HostTaken, InvalidSlug, ProvisioningBusy, SlugTaken, TenancyError
from tremplin.identity.support import viewers
from tremplin.kernel import throttle
from tremplin.operations.reseller import clients, figures
from tremplin.operations.reseller.access import MANAGE, client_of, here, reseller_page
from tremplin.operations.reseller.clients_forms import ClientForm
from tremplin.operations.reseller.presets import field_label

CREATIONS_PER_HOUR = 30


@require_GET
@reseller_page()
def index(request: HttpRequest) -> HttpResponse:
    """List the clients with what they use, what they pay and what the reseller earns."""
    rows = figures.client_figures(here(request))
    wanted = request.GET.get("q", "").strip().lower()[:100]
    shown = [row for row in rows if wanted in f"{row.tenant.name} {row.tenant.slug}".lower()]
    context = {
        "rows": shown,
        "sums": figures.sums(shown),
        "has_clients": bool(rows),
        "q": wanted,
        "can_manage": request.ctx.can(MANAGE),  # type: ignore[attr-defined]
    }
    return render(request, "operations/reseller/clients.html", context)


@require_GET
@reseller_page()
def client(request: HttpRequest, client: UUID) -> HttpResponse:
    """Show one client."""
    tenant = client_of(here(request), client)
    found = clients.details(here(request), tenant)
    preset = look.preset_for(tenant)
    context = {
        "target": tenant,
        "can_manage": request.ctx.can(MANAGE),  # type: ignore[attr-defined]
        "can_visit": request.ctx.can(viewers.PERMISSION),  # type: ignore[attr-defined]
        "details": found,
        "row": found.figures,
        "preset": preset,
        "own_fields": [field_label(name) for name in found.own_fields],
        "locked_fields": [field_label(name) for name in (preset.locks if preset else [])],
    }
    return render(request, "operations/reseller/client.html", context)


@require_http_methods(["GET", "POST"])
@reseller_page(MANAGE)
def new(request: HttpRequest) -> HttpResponse:
    """Ask for a new client and make it."""
    reseller = here(request)
    form = ClientForm(request.POST or None, reseller=reseller, plans=clients.plans(reseller))
    status = 200
    if request.method == "POST":
        _refuse_foreign(form)
        status = 422
        if form.is_valid():
            answer = _make(request, form)
            if answer is not None:
                return answer
            status = 429 if form.has_error(None, "throttled") else 422
    context = {"form": form, "spaces_domain": settings.SPACES_DOMAIN, "plans": form.plans}
    return render(request, "operations/reseller/client_new.html", context, status=status)


@require_GET
@reseller_page(MANAGE)
def slug(request: HttpRequest) -> HttpResponse:
    """Answer the address field filled from the name, as a fragment."""
    name = request.GET.get("name", "")[:100]
    proposed = slugs.propose(name) if name.strip() else ""
    form = ClientForm(reseller=here(request), plans=[], initial={"slug": proposed})
    context = {"field": form["slug"], "spaces_domain": settings.SPACES_DOMAIN}
    return render(request, "operations/slug_field.html", context)


def _refuse_foreign(form: ClientForm) -> None:
    """Answer 404 for a template that is no client of this reseller, as for any other id."""
    sent = str(form.data.get("template", ""))
    if sent and sent not in {value for value, _label in form.templates}:
        raise Http404


def _make(request: HttpRequest, form: ClientForm) -> HttpResponse | None:
    """Return the way to the new client; None after adding to the form what is wrong."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    person = ctx.person.id
    if throttle.hit("client_new", str(person), limit=CREATIONS_PER_HOUR, seconds=3600) is not None:
        form.add_error(None, form.throttled())
        return None
    wish = form.wish()
    # Another address in a page that was gone back to is another wish.
    key = uuid5(form.cleaned_data["key"], wish.slug)
    try:
        tenant = clients.create(here(request), wish, key=key, by=person)
    except clients.StillRunning:
        messages.info(
            request,
            gettext("%(name)s is being created: it appears here in a moment.")
            % {"name": wish.name},
        )
        return redirect("reseller:index")
    except (SlugTaken, HostTaken, InvalidSlug, ProvisioningBusy) as error:
        form.add_error("slug", str(error))
        return None
    except TenancyError as error:
        form.add_error(None, str(error))
        return None
    messages.success(
        request,
        gettext("%(name)s is ready. The invitation of its administrator is on its way.")
        % {"name": tenant.name},
    )
    return redirect("reseller:client", client=tenant.uuid)
