"""Ways to sign in to the API beside the session: access tokens, applications, keys.

Each looks at the shape of the bearer credential, so that one call costs one look-up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.headless.tokens.strategies.jwt import internal as jwt_tokens
from django.http import HttpRequest
from django.utils import translation
from django.utils.translation import gettext as _

from tremplin.api.http import Principal, Problem
from tremplin.identity import mfa
from tremplin.identity.api_access import clients, keys
from tremplin.identity.backends import RoleBackend
from tremplin.identity.models import User
from tremplin.identity.people_service import person_ref
from tremplin.kernel import api_auth, audit, context
from tremplin.kernel.current import tenant_required

TOKEN_PATH = "/identity/o/api/token"  # noqa: S105  an address


class AccessToken(api_auth.ModuleAuth):
    """The short token of an app in which a person signed in."""

    openapi_type = "http"
    openapi_scheme = "bearer"
    openapi_bearerFormat = "JWT"  # noqa: N815  a name of OpenAPI
    openapi_description = (
        "The access token of a person who signed in through /_allauth/app/v1/auth/login. It lives "
        "five minutes; /_allauth/app/v1/tokens/refresh gives the next one."
    )

    def identify(self, request: HttpRequest) -> Principal | None:
        """Return the person of the token. Raises 403 ``mfa_required``."""
        token = api_auth.bearer(request)
        if token.count(".") != 2:
            return None
        payload = jwt_tokens.decode_token(token, "access")
        session = jwt_tokens.get_token_session(payload) if payload is not None else None
        if payload is None or session is None:
            return None
        person = jwt_tokens.validate_token_user(payload, session)
        if person is None:
            return None
        if mfa.must_enrol(person, session):
            raise Problem(403, "mfa_required", _("Set up a second factor first."))
        if person.locale:
            translation.activate(person.locale)
        _speak_for(request, person, "person", lambda held: held)
        return Principal(
            kind="person",
            method="access_token",
            id=str(person.pk),
            name=person.display_name,
            tenant=tenant_required().uuid,
            person=person.pk,
        )


class ClientCredentials(api_auth.ModuleAuth):
    """The token that an application asked for with its id and secret."""

    openapi_type = "oauth2"
    openapi_flows = {"clientCredentials": {"tokenUrl": TOKEN_PATH, "scopes": {}}}  # noqa: RUF012
    openapi_description = "An application asks for a token with its id and secret (HTTP Basic)."

    def identify(self, request: HttpRequest) -> Principal | None:
        """Return the application of the token."""
        token = api_auth.bearer(request)
        if not token or token.count(".") == 2 or token.startswith(f"{keys.MARK}_"):
            return None
        grant = clients.authenticate(token)
        if grant is None:
            return None
        scopes = frozenset(name for name in grant.scopes if grant.allows(name))
        _speak_for(request, grant.person, "api_client", _limited_to(scopes))
        return Principal(
            kind="client",
            method="client_credentials",
            id=grant.client.pk,
            name=grant.client.name,
            tenant=tenant_required().uuid,
            person=grant.person.pk,
            scopes=scopes,
        )


class ApiKeyAuth(api_auth.ModuleAuth):
    """A static key."""

    openapi_type = "http"
    openapi_scheme = "bearer"
    openapi_bearerFormat = "trk_…"  # noqa: N815  a name of OpenAPI
    openapi_description = "A static key made in the console: trk_ and two parts, shown once."

    def identify(self, request: HttpRequest) -> Principal | None:
        """Return the key."""
        presented = api_auth.bearer(request)
        if not presented.startswith(f"{keys.MARK}_"):
            return None
        key = keys.authenticate(presented, request.META.get("REMOTE_ADDR", ""))
        if key is None:
            return None
        scopes = frozenset(name for name in key.scopes if keys.allows(key, name))
        _speak_for(request, key.created_by, "api_key", _limited_to(scopes))
        return Principal(
            kind="key",
            method="api_key",
            id=key.prefix,
            name=key.name,
            tenant=tenant_required().uuid,
            person=key.created_by_id,
            scopes=scopes,
        )


def register() -> None:
    """Add the three to the API, in this order, after the session."""
    for kind in (AccessToken, ClientCredentials, ApiKeyAuth):
        api_auth.register(kind)


Narrow = Callable[[frozenset[str]], frozenset[str]]


def _limited_to(scopes: frozenset[str]) -> Narrow:
    """Keep the rights of the modules that some scope names: a key for the quiz sees no people."""
    modules = {scope.partition(":")[0] for scope in scopes}
    return lambda held: frozenset(name for name in held if name.partition(".")[0] in modules)


def _speak_for(request: HttpRequest, person: User, capacity: str, narrow: Narrow) -> None:
    """Make the call one of ``person``: her rights, narrowed, and her name in the audit log."""
    requested: Any = request
    requested.user = person
    requested.ctx = context.build(
        requested.tenant,
        person_ref(person),
        lambda: narrow(frozenset(RoleBackend().get_all_permissions(person))),
    )
    audit.act_as(person.pk, capacity, request.META.get("REMOTE_ADDR", ""))
