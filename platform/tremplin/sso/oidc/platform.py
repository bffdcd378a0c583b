"""One account for several spaces: the operator's space signs people in for every other one.

The operator's space holds one client for all spaces. Its secret derives from the platform's key,
so no row holds it in clear; its return addresses follow the hosts of the spaces by themselves.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from allauth.idp.oidc.models import Client
from allauth.socialaccount.models import SocialApp
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from tenants import registry
from tenants.models import Domain
from tremplin.kernel.current import current_tenant
from tremplin.sso.models import Connection

SLUG = "platform"
CLIENT_ID = "platform"
CALLBACK_PATH = "/accounts/oidc/platform/login/callback/"
START_PATH = "/accounts/sso/start/"
_checked: tuple[int, str] = (-1, "")


def url() -> str:
    """Return the address of the operator's space, which is the issuer of every token."""
    hq = registry.hq()
    return registry.absolute_url(hq, "") if hq is not None else ""


def is_available() -> bool:
    """Tell whether the operator's space can sign people in: production needs a key for it."""
    return bool(settings.IDP_OIDC_PRIVATE_KEY) and registry.hq() is not None


def client_secret() -> str:
    """Return the secret that all spaces share; letters and digits only (see ``provider``)."""
    key = settings.SECRET_KEY.encode()
    return hmac.new(key, b"openid-client:platform", hashlib.sha256).hexdigest()


def redirect_uris() -> list[str]:
    """Return where the client may send people back: any sub-domain, then each own domain.

    A star stands for one label, and only one star may stand in an address.
    """
    port = settings.PUBLIC_PORT
    default = 443 if settings.PUBLIC_SCHEME == "https" else 80
    tail = f":{port}" if port and port != default else ""

    def address(host: str) -> str:
        return f"{settings.PUBLIC_SCHEME}://{host}{tail}{CALLBACK_PATH}"

    suffix = f".{settings.SPACES_DOMAIN}"
    hosts = Domain.objects.exclude(verified_at=None).order_by("domain")
    own = [
        host
        for host in hosts.values_list("domain", flat=True)
        if not host.endswith(suffix) or "." in host.removesuffix(suffix)
    ]
    return [address(f"*.{settings.SPACES_DOMAIN}"), *map(address, own)]


def _configuration() -> str:
    return hashlib.sha256(
        "|".join(
            (settings.PUBLIC_SCHEME, str(settings.PUBLIC_PORT), settings.SPACES_DOMAIN, url())
            + (client_secret(),)
        ).encode()
    ).hexdigest()


def ensure_client() -> Client:
    """Make the client of the operator's space equal to the configuration and to the hosts.

    Called inside the operator's space before each use: an own domain that a space attached since
    works, one that it gave up does not. Costs nothing while the registry did not change.
    """
    global _checked
    state = (registry.epoch(), _configuration())
    client = Client.objects.filter(pk=CLIENT_ID).first()
    if client is not None and _checked == state and (client.data or {}).get("made") == state[1]:
        return client
    uris = redirect_uris()
    with transaction.atomic():
        if client is None:
            client = Client(pk=CLIENT_ID)
        if (client.data or {}).get("made") != state[1]:
            client.set_secret(client_secret())
            client.data = {"made": state[1]}
        client.name = _("Spaces of the platform")
        client.type = Client.Type.CONFIDENTIAL
        client.set_scopes(["openid", "profile", "email"])
        client.set_default_scopes(["openid", "profile", "email"])
        client.grant_types = Client.GrantType.AUTHORIZATION_CODE
        client.response_types = Client.ResponseType.CODE
        client.skip_consent = True
        client.allow_uri_wildcards = True
        client.set_redirect_uris(uris)
        client.save()
    _checked = state
    return client


def ensure_connection() -> Connection | None:
    """Give the current space its connection to the platform, once; None in the operator's own.

    It is on from the start; what a space decided afterwards stays.
    """
    tenant = current_tenant.get()
    if tenant is None or tenant.kind in {"hq", "template"}:
        return None
    found = Connection.objects.filter(slug=SLUG).first()
    if found is not None:
        return found
    hq = registry.hq()
    name = hq.name if hq is not None else "Tremplin"
    with transaction.atomic():
        app = SocialApp.objects.create(
            provider="openid_connect",
            provider_id=SLUG,
            name=name[:40],
            client_id=CLIENT_ID,
            settings={"oauth_pkce_enabled": True, "email_authentication": True},
        )
        return Connection.objects.create(
            app=app,
            kind=Connection.Kind.PLATFORM,
            slug=SLUG,
            label=name[:80],
            preset=SLUG,
            is_active=True,
        )


def complete(app: SocialApp) -> SocialApp:
    """Fill in what the row of the platform's application does not hold."""
    app.secret = client_secret()
    app.settings = {
        **app.settings,
        "server_url": url(),
        "token_auth_method": "client_secret_post",
        "oauth_pkce_enabled": True,
        "email_authentication": True,
    }
    return app


def provision(tenant: Any, new: Any) -> None:
    """Provisioning step of a new space."""
    if tenant.kind == "hq":
        ensure_client()
    else:
        ensure_connection()


def sync() -> None:
    """Schema sync: spaces made before this part existed receive what new ones do."""
    tenant = current_tenant.get()
    if tenant is None or tenant.kind == "template":
        return
    provision(tenant, None)
