"""The provider's pages: only the operator's space signs people in for others."""

from __future__ import annotations

from allauth.idp.oidc import views as allauth_views
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from tremplin.kernel.access import guarded
from tremplin.kernel.current import tenant_required
from tremplin.sso.oidc import platform
from tremplin.sso.views.sign_in import resume_later


def _only_hq() -> None:
    if tenant_required().kind != "hq" or not platform.is_available():
        raise Http404


@csrf_exempt  # the view of allauth checks what it signs itself, and clients may post to it
@guarded(anonymous=True)
def authorize(request: HttpRequest) -> HttpResponse:
    """Give a space the proof of who is signed in here."""
    _only_hq()
    platform.ensure_client()
    prompts = request.GET.get("prompt", "").split()
    if request.method == "GET" and not request.user.is_authenticated and "none" not in prompts:
        return resume_later(request)
    answer: HttpResponse = allauth_views.authorization(request)
    return answer


@csrf_exempt
@guarded(anonymous=True)
def logout(request: HttpRequest) -> HttpResponse:
    """Sign out of the operator's space, asked by a space."""
    _only_hq()
    answer: HttpResponse = allauth_views.logout(request)
    return answer


@csrf_exempt
@guarded(anonymous=True)
def closed(request: HttpRequest) -> HttpResponse:
    """Answer for what no space offers: codes typed on another device, providers without pages."""
    raise Http404
