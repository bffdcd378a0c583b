"""From the sign-up page to the first session in one's own space."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_http_methods

from tenants import slugs
from tenants.errors import TenancyError
from tremplin.api import services as api_services
from tremplin.kernel import throttle
from tremplin.kernel.access import guarded
from tremplin.operations import services
from tremplin.operations.access import hq_only
from tremplin.operations.forms import ConfirmForm, StartForm
from tremplin.operations.models import PendingSpace

REQUESTS_PER_HOUR = 20
PASSWORDS_PER_HOUR = 10
ASKED_HERE = "start_request"
BACKEND = "tremplin.identity.backends.RoleBackend"


def _too_many(request: HttpRequest) -> bool:
    address = request.META.get("REMOTE_ADDR", "")
    return throttle.hit("start", address, limit=REQUESTS_PER_HOUR, seconds=3600) is not None


@hq_only
@guarded(anonymous=True)
def form(request: HttpRequest) -> HttpResponse:
    """Ask for a space."""
    filled = StartForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if filled.is_valid():
            if _too_many(request):
                filled.add_error(
                    None, gettext("Too many requests from your address. Try again in an hour.")
                )
                status = 429
            else:
                data = filled.cleaned_data
                pending = services.request_space(
                    services.SpaceRequest(
                        name=data["name"],
                        slug=data["slug"],
                        kind=data["kind"],
                        email=data["email"],
                        password=data["password"],
                        locale=(get_language() or "en").split("-")[0],
                    )
                )
                request.session["start_email"] = data["email"]
                request.session[ASKED_HERE] = str(pending.pk)
                return redirect("operations:start_sent")
    context = {"form": filled, "spaces_domain": settings.SPACES_DOMAIN}
    return render(request, "operations/start.html", context, status=status)


@hq_only
@guarded(anonymous=True)
def terms(request: HttpRequest) -> HttpResponse:
    """Show the terms that a new space accepts."""
    return render(request, "operations/terms.html", {})


@hq_only
@guarded(anonymous=True)
def propose_slug(request: HttpRequest) -> HttpResponse:
    """Answer the address field filled from the name, as a fragment."""
    name = request.GET.get("name", "")[:100]
    filled = StartForm(initial={"slug": slugs.propose(name) if name.strip() else ""})
    context = {"field": filled["slug"], "spaces_domain": settings.SPACES_DOMAIN}
    return render(request, "operations/slug_field.html", context)


@hq_only
@guarded(anonymous=True)
def sent(request: HttpRequest) -> HttpResponse:
    """Say that a mail is on its way."""
    email = request.session.get("start_email", "")
    context = {"email": email, "demo": settings.DEMO}
    return render(request, "operations/start_sent.html", context)


@require_http_methods(["GET", "POST"])
@hq_only
@guarded(anonymous=True)
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Create the space whose mail was confirmed and go there, signed in.

    Another browser than the one that asked must give the password that was chosen: a program that
    opens the links of mails creates nothing, and nobody confirms what a stranger asked for with
    her address and a password of his own.
    """
    pending = services.find_pending(token)
    if pending is None:
        return render(request, "operations/start_expired.html", {}, status=410)
    if request.session.get(ASKED_HERE) != str(pending.pk):
        refusal = _ask_password(request, pending)
        if refusal is not None:
            return refusal
    try:
        tenant, hand_over = services.create_requested(pending)
    except TenancyError as error:
        return render(request, "operations/start_failed.html", {"reason": str(error)}, status=409)
    target = api_services.tenancy().absolute_url(tenant, f"/start/enter/{hand_over}/")
    return redirect(target)


def _ask_password(request: HttpRequest, pending: PendingSpace) -> HttpResponse | None:
    """Return the page that asks for the password of the request, None when it was given."""
    status = 200
    form = ConfirmForm(request.POST or None, password_hash=pending.password_hash)
    if request.method == "POST":
        tried = throttle.hit(
            "start.confirm", str(pending.pk), limit=PASSWORDS_PER_HOUR, seconds=3600
        )
        if tried is None and form.is_valid():
            return None
        status = 422
        if tried is not None:
            status = 429
            form = ConfirmForm(password_hash=pending.password_hash)
            form.locked = True
    context = {"form": form, "pending": pending}
    return render(request, "operations/start_confirm.html", context, status=status)


@guarded(anonymous=True)
def enter(request: HttpRequest, token: str) -> HttpResponse:
    """Open the owner's first session in her new space."""
    if request.tenant.kind == "hq":
        raise Http404
    person = services.redeem(token)
    if person is None:
        return redirect("account_login")
    login(request, person, backend=BACKEND)
    return redirect("portal:welcome")
