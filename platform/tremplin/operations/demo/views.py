"""Pages of the demo mode: clock, second factors, outbox."""

from __future__ import annotations

from datetime import timedelta

from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from tenants.context import public, use
from tremplin.api.services import tenancy
from tremplin.api.tasks import enqueue
from tremplin.billing import engine
from tremplin.kernel import clock
from tremplin.kernel.access import guarded
from tremplin.licensing.tasks import look
from tremplin.operations.demo import outbox, world

# A mail carries its styles inline; the frame runs no script and loads nothing.
MAIL_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"
)
MOVES = {"hour": timedelta(hours=1), "day": timedelta(days=1), "month": timedelta(days=31)}


def current_code(secret: str) -> str:
    """Return the one-time password of ``secret`` now."""
    counter = next(iter(yield_hotp_counters_from_time()))
    return str(format_hotp_value(hotp_value(secret, counter)))


@guarded(anonymous=True)
def index(request: HttpRequest) -> HttpResponse:
    """Show the demo's clock and one-time passwords."""
    context = {
        "now": clock.now(),
        "movable": settings.MODE in clock.MOVABLE_MODES,
        "secret": world.DEMO_TOTP_SECRET,
        "code": current_code(world.DEMO_TOTP_SECRET),
        "password": world.password(),
    }
    return render(request, "operations/demo/index.html", context)


@require_POST
@guarded(anonymous=True)
def move_clock(request: HttpRequest) -> HttpResponse:
    """Move the business clock forward."""
    step = MOVES.get(request.POST.get("step", ""))
    if step is None:
        raise Http404
    clock.set_offset(int((clock.offset() + step).total_seconds()))
    # What the hourly and the nightly tasks would do meanwhile: renewals, reminders, ends.
    with public():
        engine.run_due()
    for tenant in tenancy().active():
        with use(tenant), transaction.atomic():
            enqueue(look)
    return redirect("demo:index")


@guarded(anonymous=True)
def mails(request: HttpRequest) -> HttpResponse:
    """List the mails that this space sent; the operator's space shows those of all."""
    found, total = outbox.mails(request.tenant)
    context = {"mails": found, "total": total, "all_spaces": request.tenant.kind == "hq"}
    return render(request, "operations/demo/outbox.html", context)


@guarded(anonymous=True)
def mail(request: HttpRequest, key: str) -> HttpResponse:
    """Show one mail."""
    found = outbox.mail(request.tenant, key)
    if found is None:
        raise Http404
    return render(request, "operations/demo/mail.html", {"mail": found})


@guarded(anonymous=True)
def mail_html(request: HttpRequest, key: str) -> HttpResponse:
    """Answer the HTML of a mail for the frame that shows it."""
    found = outbox.mail(request.tenant, key)
    if found is None:
        raise Http404
    response = HttpResponse(found.html)
    response["Content-Security-Policy"] = MAIL_POLICY
    response["Cache-Control"] = "no-store"
    return response
