"""Keys and applications of the space: who made them, what they may do, their end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from allauth.idp.oidc.models import Client
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from tremplin.identity.api_access import clients, keys
from tremplin.identity.api_access.authenticators import TOKEN_PATH
from tremplin.identity.api_access.forms import ApplicationForm, KeyForm, RotationForm
from tremplin.identity.errors import IdentityError
from tremplin.identity.models import ApiKey, User
from tremplin.kernel.access import guarded
from tremplin.kernel.entitled import needs_feature

ENDING_SOON = timedelta(days=14)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Secret:
    """What is shown once after a creation or a rotation."""

    title: str
    value: str
    command: str
    note: str
    client_id: str = ""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key of the list, with its state in words."""

    key: ApiKey
    state: str
    state_variant: str
    is_open: bool
    is_mine: bool


@guarded("identity.manage_api")
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """List the keys and the applications of the space."""
    person: Any = request.user
    found = ApiKey.objects.select_related("created_by").order_by("-created_at", "id")
    context = {
        "page_title": _("API"),
        "rows": [_row(key, person) for key in found],
        "applications": [
            {
                "client": client,
                "is_mine": client.owner_id == person.pk,
                "is_open": client.owner is not None and keys.is_present(client.owner),
                "last_use": clients.last_use(client),
            }
            for client in clients.listed()
        ],
        "me_url": _absolute(request, "/api/v1/me"),
    }
    return render(request, "identity/api/index.html", context)


@guarded("identity.manage_api")
@needs_feature("api.access")
@require_http_methods(["GET", "POST"])
def key_new(request: HttpRequest) -> HttpResponse:
    """Make a key and show it, once."""
    person: Any = request.user
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    form = KeyForm(request.POST or None, ctx=ctx, person=person)
    if request.method == "POST" and form.is_valid():
        made = _attempt(
            form,
            lambda: keys.create(
                name=form.cleaned_data["name"],
                scopes=form.cleaned_data["scopes"],
                created_by=person,
                expires_at=form.expires_at(),
                networks=form.cleaned_data["networks"],
            ),
        )
        if made is not None:
            key, secret = made
            return _shown_once(request, _key_secret(request, key, secret))
    return _form_page(request, form, _("New key"), _("Create the key"))


@guarded("identity.manage_api")
@needs_feature("api.access")
@require_http_methods(["GET", "POST"])
def key_rotate(request: HttpRequest, key: UUID) -> HttpResponse:
    """Give a key a new secret; only its maker may, because it acts with her rights."""
    found = get_object_or_404(ApiKey.objects.select_related("created_by"), pk=key)
    _only_mine(request, found.created_by_id)
    form = RotationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        overlap = timedelta(hours=form.cleaned_data["hours"])
        secret = _attempt(form, lambda: keys.rotate(found, overlap=overlap))
        if secret is not None:
            return _shown_once(request, _key_secret(request, found, secret))
    context = {"page_title": _("New secret for a key"), "name": found.name, "form": form}
    status = 422 if form.errors else 200
    return render(request, "identity/api/rotate.html", context, status=status)


@guarded("identity.manage_api")
@require_http_methods(["GET", "POST"])
def key_revoke(request: HttpRequest, key: UUID) -> HttpResponse:
    """Stop a key for good, after a confirmation."""
    found = get_object_or_404(ApiKey, pk=key)
    if request.method == "POST":
        if keys.revoke(found):
            messages.success(
                request, _("The key “%(name)s” no longer works.") % {"name": found.name}
            )
        else:
            messages.info(
                request, _("The key “%(name)s” was revoked already.") % {"name": found.name}
            )
        return redirect("api_console:keys")
    context = {"page_title": _("Revoke a key"), "name": found.name, "code": f"trk_{found.prefix}_…"}
    return render(request, "identity/api/revoke.html", context)


@guarded("identity.manage_api")
@needs_feature("api.access")
@require_http_methods(["GET", "POST"])
def client_new(request: HttpRequest) -> HttpResponse:
    """Make an application (client credentials) and show its secret, once."""
    person: Any = request.user
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    form = ApplicationForm(request.POST or None, ctx=ctx, person=person)
    if request.method == "POST" and form.is_valid():
        made = _attempt(
            form,
            lambda: clients.create(
                name=form.cleaned_data["name"],
                scopes=form.cleaned_data["scopes"],
                created_by=person,
            ),
        )
        if made is not None:
            client, secret = made
            return _shown_once(request, _client_secret(request, client, secret))
    return _form_page(request, form, _("New application"), _("Create the application"))


@guarded("identity.manage_api")
@needs_feature("api.access")
@require_http_methods(["GET", "POST"])
def client_rotate(request: HttpRequest, client: str) -> HttpResponse:
    """Give an application a new secret; only its maker may."""
    found = get_object_or_404(clients.listed(), pk=client)
    _only_mine(request, found.owner_id)
    if request.method == "POST":
        return _shown_once(request, _client_secret(request, found, clients.rotate(found)))
    context = {"page_title": _("New secret for an application"), "name": found.name}
    return render(request, "identity/api/rotate.html", context)


@guarded("identity.manage_api")
@require_http_methods(["GET", "POST"])
def client_revoke(request: HttpRequest, client: str) -> HttpResponse:
    """Delete an application and its tokens, after a confirmation."""
    found = get_object_or_404(clients.listed(), pk=client)
    if request.method == "POST":
        clients.revoke(found)
        messages.success(
            request, _("The application “%(name)s” no longer works.") % {"name": found.name}
        )
        return redirect("api_console:keys")
    context = {"page_title": _("Revoke an application"), "name": found.name, "code": found.pk}
    return render(request, "identity/api/revoke.html", context)


def _attempt(form: Any, action: Callable[[], T]) -> T | None:
    """Return what ``action`` makes, or put its refusal on the form."""
    try:
        return action()
    except IdentityError as error:
        form.add_error(None, error.message)
        return None


def _only_mine(request: HttpRequest, maker: object) -> None:
    """Refuse the secret of what acts with somebody else's rights."""
    if maker != request.user.pk:
        raise PermissionDenied(_("Only the person who made it may give it a new secret."))


def _form_page(request: HttpRequest, form: Any, title: str, action: str) -> HttpResponse:
    context = {"page_title": title, "form": form, "action": action}
    return render(request, "identity/api/form.html", context, status=422 if form.errors else 200)


def _shown_once(request: HttpRequest, secret: Secret) -> HttpResponse:
    """Answer with the secret; no cache keeps the page."""
    context = {"page_title": secret.title, "secret": secret}
    response = render(request, "identity/api/secret.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _key_secret(request: HttpRequest, key: ApiKey, secret: str) -> Secret:
    return Secret(
        title=_("Your key “%(name)s”") % {"name": key.name},
        value=secret,
        command=f'curl -H "Authorization: Bearer {secret}" {_absolute(request, "/api/v1/me")}',
        note=_("This command says who calls and in which space."),
    )


def _client_secret(request: HttpRequest, client: Client, secret: str) -> Secret:
    return Secret(
        title=_("Your application “%(name)s”") % {"name": client.name},
        value=secret,
        command=(
            f"curl -u {client.pk}:{secret} -d grant_type=client_credentials "
            f"{_absolute(request, TOKEN_PATH)}"
        ),
        note=_("This command asks for a token of one hour."),
        client_id=client.pk,
    )


def _absolute(request: HttpRequest, path: str) -> str:
    return request.build_absolute_uri(path)


def _row(key: ApiKey, person: User) -> KeyRow:
    now = timezone.now()
    state, variant = _("Works"), "success"
    if key.revoked_at is not None:
        state, variant = _("Revoked"), "muted"
    elif key.expires_at is not None and key.expires_at <= now:
        state, variant = _("Past its end"), "muted"
    elif not keys.is_present(key.created_by):
        state, variant = _("Stopped with its maker’s account"), "warning"
    elif key.expires_at is not None and key.expires_at <= now + ENDING_SOON:
        state, variant = _("Ends soon"), "warning"
    is_open = key.revoked_at is None and (key.expires_at is None or key.expires_at > now)
    return KeyRow(key, state, variant, is_open, key.created_by_id == person.pk)
