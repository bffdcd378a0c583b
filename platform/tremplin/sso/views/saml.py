"""Console pages of the SAML connections of the space."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tremplin.kernel.access import guarded
from tremplin.kernel.current import tenant_required
from tremplin.kernel.entitled import needs_feature
from tremplin.sso import enforcement, leaving
from tremplin.sso import services as connections
from tremplin.sso.errors import SsoError
from tremplin.sso.models import Connection

View = Callable[..., HttpResponse]


def with_saml(view: View) -> View:
    """Show why SAML is missing instead of ``view`` when its libraries did not load."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if settings.SAML_AVAILABLE:
            return view(request, *args, **kwargs)
        context = {"page_title": _("SAML is not available"), "problem": settings.SAML_PROBLEM}
        return render(request, "sso/saml/missing.html", context, status=503)

    return inner


def _connection(slug: str) -> Connection:
    found = Connection.objects.select_related("app").filter(kind=Connection.Kind.SAML, slug=slug)
    connection = found.first()
    if connection is None:
        raise Http404("no such connection")
    return connection


@guarded("sso.manage_sso")
@needs_feature("sso.enabled")
@require_http_methods(["GET", "POST"])
@with_saml
def new(request: HttpRequest) -> HttpResponse:
    """Add a connection from the metadata of a provider."""
    from tremplin.sso.saml import services
    from tremplin.sso.saml.forms import NewConnectionForm

    form = NewConnectionForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            connection = services.connect(
                values["found"],
                preset=values["preset"],
                choices=services.defaults_for(values["preset"], values["label"]),
                metadata_url=values["metadata_url"].strip(),
            )
        except SsoError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("Added. Give your provider our metadata, then run a test."))
            return redirect("sso_console:saml_detail", slug=connection.slug)
    context = {"page_title": _("Add a SAML connection"), "form": form}
    return render(request, "sso/saml/new.html", context, status=422 if form.errors else 200)


@guarded("sso.manage_sso")
@require_GET
@with_saml
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    """Show what to give the provider, what it gave us, and the state of the connection."""
    return _page(request, _connection(slug))


def _page(request: HttpRequest, connection: Connection, form: Any = None) -> HttpResponse:
    from tremplin.sso.saml import config, expiry, keys, presets
    from tremplin.sso.saml.forms import MetadataForm

    idp = connection.app.settings["idp"]
    current = keys.ensure_current()
    tenant: Any = tenant_required()
    entity_id = connection.app.settings["sp"]["entity_id"]
    preset = presets.BY_CODE.get(connection.preset)
    tested = bool(connection.last_test_at or connection.last_login_at)
    context = {
        "page_title": connection.label,
        "connection": connection,
        "certificates": [
            {**row, "fingerprint": bytes.fromhex(row["fingerprint"]).hex(":").upper()}
            for row in idp["certificates"]
        ],
        "preset": preset.label if preset else "",
        "idp": idp,
        "ours": {
            "entity_id": entity_id,
            "acs": config.service_url("acs", connection.slug),
            "sls": config.service_url("sls", connection.slug),
            "metadata": config.service_url("metadata", connection.slug),
        },
        "moved": f"//{tenant.primary_host}" not in entity_id,
        "fingerprint": keys.fingerprint(current.certificate),
        "endings": [row for row in expiry.endings() if row.label == connection.label],
        "form": form or MetadataForm(initial={"metadata_url": connection.metadata_url}),
        "traces": list(connection.traces.all()[:5]),
        "scope": enforcement.scope_of(connection),
        "steps": [
            {
                "label": _("Give our metadata to the provider"),
                "done": tested,
            },
            {"label": _("Run a test"), "done": tested},
            {"label": _("Switch the connection on"), "done": connection.is_active},
        ],
    }
    bad = form is not None and form.errors
    return render(request, "sso/saml/detail.html", context, status=422 if bad else 200)


@guarded("sso.manage_sso")
@needs_feature("sso.enabled")
@require_http_methods(["GET", "POST"])
@with_saml
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Change names of attributes, roles and what is required."""
    from tremplin.sso.saml import services
    from tremplin.sso.saml.forms import ChoicesForm

    connection = _connection(slug)
    form = ChoicesForm(
        request.POST or None,
        ctx=request.ctx,  # type: ignore[attr-defined]
        connection=connection,
    )
    if request.method == "POST" and form.is_valid():
        try:
            services.update(connection, form.choices())
        except SsoError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("Saved."))
            return redirect("sso_console:saml_detail", slug=slug)
    context = {
        "page_title": _("Settings of the connection"),
        "form": form,
        "connection": connection,
    }
    return render(request, "sso/saml/edit.html", context, status=422 if form.errors else 200)


@guarded("sso.manage_sso")
@needs_feature("sso.enabled")
@require_POST
@with_saml
def replace(request: HttpRequest, slug: str) -> HttpResponse:
    """Replace the description of the provider, or read its address again."""
    from tremplin.sso.saml import services
    from tremplin.sso.saml.forms import MetadataForm

    connection = _connection(slug)
    try:
        if "refresh" in request.POST:
            changed = services.refresh(connection)
        else:
            form = MetadataForm(request.POST, request.FILES)
            if not form.is_valid():
                return _page(request, connection, form)
            changed = services.replace_metadata(
                connection,
                form.cleaned_data["found"],
                metadata_url=form.cleaned_data["metadata_url"].strip(),
            )
    except SsoError as error:
        messages.error(request, error.message)
    else:
        text = _("The certificates changed.") if changed else _("The certificates are the same.")
        messages.success(request, f"{_('The metadata was read.')} {text}")
    return redirect("sso_console:saml_detail", slug=slug)


@guarded("sso.manage_sso")
@require_POST
@with_saml
def switch(request: HttpRequest, slug: str) -> HttpResponse:
    """Switch a connection on or off, make it mandatory or lift that."""
    connection = _connection(slug)
    action = request.POST.get("action", "")
    try:
        if action == "on":
            connections.set_active(connection, True)
            messages.success(request, _("The button is on the sign-in page now."))
        elif action == "off":
            enforcement.release(connection)
            connections.set_active(connection, False)
            messages.success(request, _("Nobody signs in that way any more."))
        elif action == "enforce":
            everybody = request.POST.get("scope") == enforcement.EVERYBODY
            enforcement.enforce(
                connection, enforcement.EVERYBODY if everybody else enforcement.DOMAINS
            )
            messages.success(
                request, _("This sign-in is mandatory now. The owner keeps a password.")
            )
        elif action == "release":
            enforcement.release(connection)
            messages.success(request, _("Passwords work again."))
        else:
            raise Http404
    except SsoError as error:
        messages.error(request, error.message)
    return redirect("sso_console:saml_detail", slug=slug)


@guarded("sso.manage_sso")
@require_http_methods(["GET", "POST"])
@with_saml
def delete(request: HttpRequest, slug: str) -> HttpResponse:
    """Delete a connection after saying what that does."""
    from allauth.socialaccount.models import SocialAccount

    connection = _connection(slug)
    if request.method == "POST":
        connections.delete(connection)
        messages.success(request, _("The connection was deleted. The people stay."))
        return redirect("sso_console:index")
    linked = SocialAccount.objects.filter(provider=connection.app.provider_id).count()
    context = {
        "page_title": _("Delete the connection"),
        "connection": connection,
        "linked": linked,
    }
    return render(request, "sso/saml/delete.html", context)


@guarded("sso.manage_sso")
@require_POST
@with_saml
def test(request: HttpRequest, slug: str) -> HttpResponse:
    """Start a test sign-in: nobody is signed in, linked or created."""
    from tremplin.sso.saml import config, testing_logins

    connection = _connection(slug)
    auth = config.auth_for(config.complete(connection.app), request)
    url = auth.login(return_to="")
    testing_logins.remember(request, connection, auth.get_last_request_id())
    return leaving.leave(request, HttpResponseRedirect(url), connection.label)


@guarded("sso.manage_sso")
@require_http_methods(["GET", "POST"])
@with_saml
def service_keys(request: HttpRequest) -> HttpResponse:
    """Show the keys of the space and let a new one take over."""
    from tremplin.sso.saml import keys

    if request.method == "POST":
        action = request.POST.get("action", "")
        try:
            if action == "prepare":
                keys.prepare_next()
                messages.success(request, _("A new key is published beside the current one."))
            elif action == "promote":
                keys.promote_next()
                messages.success(request, _("The new key signs now; the former one is retired."))
            elif action == "drop":
                keys.drop_next()
                messages.success(request, _("The new key was given up."))
            else:
                raise Http404
        except SsoError as error:
            messages.error(request, error.message)
        return redirect("sso_console:saml_keys")
    current = keys.ensure_current()
    found = keys.published()
    context = {
        "page_title": _("Keys of your space"),
        "rows": [
            {"key": key, "fingerprint": keys.fingerprint(key.certificate)}
            for key in (current, found.get("next"))
            if key is not None
        ],
        "following": found.get("next"),
        "connections": Connection.objects.filter(kind=Connection.Kind.SAML),
    }
    return render(request, "sso/saml/keys.html", context)
