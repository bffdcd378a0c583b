"""What allauth does differently here when a person comes from another identity provider."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tremplin.identity.errors import IdentityError
from tremplin.identity.models import User
from tremplin.identity.normalise import clean_text, is_email, normalise_email
from tremplin.sso import accounts, role_sync, selectors, services, url_guard
from tremplin.sso.models import Connection
from tremplin.sso.oidc import platform
from tremplin.sso.saml import config

ONLY_WAY = gettext_lazy(
    "This is your only way in. Choose a password first, then come back to disconnect it."
)


def refused(request: HttpRequest, message: str, *, status: int = 403) -> HttpResponse:
    """Return the page that says why somebody is not let in."""
    context = {
        "page_title": _("We could not sign you in"),
        "message": message,
        "in_account": getattr(request, "user", None) is not None and request.user.is_authenticated,
    }
    return render(request, "sso/refused.html", context, status=status)


def _stop(request: HttpRequest, refusal: accounts.Refusal, connection: Connection | None) -> None:
    if connection is not None:
        services.audit("security.sso_refused", connection, code=refusal.code)
    raise ImmediateHttpResponse(refused(request, refusal.message))


class SocialAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """The space's rules for people who arrive through a directory."""

    error_messages = {  # noqa: RUF012  same attribute as in the parent
        **DefaultSocialAccountAdapter.error_messages,
        "no_password": ONLY_WAY,
        "no_verified_email": ONLY_WAY,
        "disconnect_last": ONLY_WAY,
        "invalid_token": gettext_lazy(
            "The answer of the identity provider is not valid. Start again from this space."
        ),
    }

    def get_requests_session(self) -> url_guard.Session:
        """Return a session for addresses that a space typed: the public internet only."""
        session = url_guard.session(timeout=url_guard.TIMEOUT * 2)
        home = urlsplit(platform.url())
        if home.netloc and isinstance(session, url_guard.GuardedSession):
            session.trust(f"{home.scheme}://{home.netloc}/")
        return session

    def list_apps(self, request: Any, provider: Any = None, client_id: Any = None) -> list[Any]:
        """Return the applications of this space with their secrets in clear, in memory only."""
        found = super().list_apps(request, provider=provider, client_id=client_id)
        for app in found:
            if app.provider == "openid_connect" and app.provider_id == platform.SLUG:
                platform.complete(app)
            else:
                services.unlock(app)
        return [config.complete(app) if app.provider == "saml" else app for app in found]

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Stop people and connections that may not sign in, in words."""
        connection = selectors.connection_of(sociallogin)
        refusal = accounts.refusal(request, sociallogin, connection)
        if refusal is not None:
            _stop(request, refusal, connection)

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Tell whether somebody unknown may enter; refusals are said in words."""
        connection = selectors.connection_of(sociallogin)
        refusal = accounts.newcomer_refusal(sociallogin, connection)
        if refusal is not None:
            _stop(request, refusal, connection)
        return True

    def is_auto_signup_allowed(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Never ask newcomers for what their directory is there to say."""
        return True

    def is_email_verified(self, provider: Any, email: str) -> bool:
        """Take addresses of the space's own proven domains as verified by its directory."""
        app = getattr(provider, "app", None)
        if app is None or app.provider_id == platform.SLUG:
            return False
        return email.partition("@")[2].lower() in selectors.proven_domains()

    def can_authenticate_by_email(self, login: Any, email: str) -> bool:
        """Tell whether a verified address may lead to an existing account."""
        connection = selectors.connection_of(login)
        return connection is not None and accounts.may_link(connection, login.account.uid, email)

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> Any:
        """Copy names and address, cleaned; nothing else of the answer reaches the account."""
        user = super().populate_user(request, sociallogin, data)
        address = normalise_email(user.email or "")
        user.email = address if is_email(address) else ""
        user.first_name = clean_text(user.first_name or "")[:100]
        user.last_name = clean_text(user.last_name or "")[:100]
        return user

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> Any:
        """Open the account of a newcomer with the roles that the connection gives."""
        connection = selectors.connection_of(sociallogin)
        if connection is None:
            raise ImmediateHttpResponse(refused(request, _("This way to sign in is switched off.")))
        try:
            with transaction.atomic():
                person = accounts.create(request, sociallogin, connection)
                if connection.kind != Connection.Kind.PLATFORM:
                    role_sync.remember(connection, person, person.role_codes())
                return person
        except IdentityError as error:
            raise ImmediateHttpResponse(refused(request, error.message)) from error

    def validate_disconnect(self, account: SocialAccount, accounts: Any) -> None:
        """Keep a way in: the last identity goes only when there is another way to sign in."""
        if not _has_other_way(account.user, account):
            raise ValidationError(ONLY_WAY)

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: Any = None,
        exception: Any = None,
        extra_context: Any = None,
    ) -> None:
        """Write down why a sign-in failed and say it in words."""
        slug = getattr(getattr(provider, "app", None), "provider_id", "")
        connection = Connection.objects.filter(app__provider_id=slug).first()
        code, message = accounts.explain(error, exception)
        if connection is not None:
            services.note_failure(connection, code, request.META.get("REMOTE_ADDR", ""))
        raise ImmediateHttpResponse(refused(request, message, status=401))


def _has_other_way(person: User, account: SocialAccount) -> bool:
    from allauth.account.models import EmailAddress

    others = SocialAccount.objects.filter(user=person).exclude(pk=account.pk)
    open_ids = set(selectors.active_connections().values_list("app__provider_id", flat=True))
    if any(other.provider in open_ids for other in others):
        return True
    return person.has_usable_password() and bool(
        EmailAddress.objects.filter(user=person, verified=True).exists()
    )
