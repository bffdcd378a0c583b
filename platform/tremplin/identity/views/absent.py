"""Addresses of the sign-in library for what this product does not have."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse

from tremplin.kernel.access import guarded


@guarded(anonymous=True)
def phone(request: HttpRequest) -> HttpResponse:
    """Answer 404: no account has a telephone number; the library would fail instead."""
    raise Http404("accounts have no telephone number")
