"""Addresses that Stripe calls, at the operator's host only."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from tenants.context import public, public_write
from tremplin.billing.stripe import client

LARGEST = 512 * 1024  # bytes; events of Stripe stay far below


def _operator_only(request: HttpRequest) -> None:
    if request.tenant.kind != "hq" or client.problems():
        raise Http404


@csrf_exempt
@require_POST
def webhook(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Hand an event of the platform's account to the mirror, which checks its signature."""
    from djstripe.views import ProcessWebhookView

    _operator_only(request)
    if int(request.headers.get("Content-Length") or 0) > LARGEST:
        return HttpResponse(status=413)
    with public(), public_write("stripe mirror"):
        answer: HttpResponse = ProcessWebhookView.as_view()(request, uuid=uuid)
    return answer


@csrf_exempt
@require_POST
def connect(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Take an event of a school's own account: the platform keeps its id, the school the rest."""
    from tremplin.billing.stripe import connected

    _operator_only(request)
    if int(request.headers.get("Content-Length") or 0) > LARGEST:
        return HttpResponse(status=413)
    with public():
        status = connected.receive(uuid, request.body, request.headers.get("Stripe-Signature", ""))
    return HttpResponse(status=status)
