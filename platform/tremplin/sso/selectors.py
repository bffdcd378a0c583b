"""Reads of single sign-on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.db.models import Count, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from tremplin.kernel import entitled
from tremplin.sso.models import Connection, EmailDomain

# What a plan includes, or not: the providers of the space itself. The platform's is always there.
FEATURE = "sso.enabled"


@dataclass(frozen=True, slots=True)
class LoginButton:
    """One way to sign in through another provider: ``url`` takes a POST, ``label`` says it all."""

    label: str
    url: str
    kind: str
    connection: Connection


def connections() -> QuerySet[Connection]:
    """Return the connections of the space with their allauth application."""
    return Connection.objects.select_related("app").order_by("label")


def active_connections() -> QuerySet[Connection]:
    """Return the connections that people may sign in with."""
    return connections().filter(is_active=True)


def login_url(connection: Connection) -> str:
    """Return where a sign-in with ``connection`` starts (POST)."""
    if connection.kind == Connection.Kind.SAML:
        return reverse("saml_login", args=[connection.app.client_id])
    return reverse("openid_connect_login", args=[connection.app.provider_id])


def login_buttons() -> list[LoginButton]:
    """Return the buttons of the sign-in page: those of the space first, the platform's last."""
    from tremplin.sso.oidc import platform

    found = [
        row
        for row in active_connections()
        if (
            platform.is_available()
            if row.kind == Connection.Kind.PLATFORM
            else entitled.includes(FEATURE)
        )
    ]
    found.sort(key=lambda row: row.kind == Connection.Kind.PLATFORM)
    return [
        LoginButton(_sentence(row) % {"name": row.label}, login_url(row), row.kind, row)
        for row in found
    ]


def _sentence(connection: Connection) -> str:
    if connection.kind == Connection.Kind.PLATFORM:
        return _("Sign in with your %(name)s account")
    return _("Sign in with %(name)s")


def connection_of(sociallogin: Any) -> Connection | None:
    """Return the connection that a sign-in came through, None when this space has none such."""
    return connection_of_account(sociallogin.account)


def connection_of_account(account: Any) -> Connection | None:
    """Return the connection that a linked identity belongs to, None when it is gone."""
    return connections().filter(app__provider_id=account.provider).first()


def count_identities(connection: Connection) -> int:
    """Return how many accounts of the space are linked through ``connection``."""
    return int(SocialAccount.objects.filter(provider=connection.app.provider_id).count())


def identities_by_provider() -> dict[str, int]:
    """Return how many accounts of the space are linked, by the provider id of a connection."""
    rows = SocialAccount.objects.values_list("provider").annotate(total=Count("pk")).order_by()
    return dict(rows)


@dataclass(frozen=True, slots=True)
class LinkedIdentity:
    """One identity of a person: its connection's name and the address known there."""

    account: SocialAccount
    label: str
    email: str


@dataclass(frozen=True, slots=True)
class LinkedIdentities:
    """A person's identities, and the connections that she could still link."""

    accounts: list[LinkedIdentity]
    available: list[LoginButton]


def linked_identities(person: Any) -> LinkedIdentities:
    """Return what the page of linked accounts shows to ``person``."""
    names = labels(connections())
    rows = list(SocialAccount.objects.filter(user=person).order_by("date_joined", "pk"))
    accounts = [
        LinkedIdentity(
            row,
            names.get(row.provider, row.provider),
            next(iter(_emails(row.extra_data)), ""),
        )
        for row in rows
    ]
    taken = {row.provider for row in rows}
    return LinkedIdentities(
        accounts,
        [button for button in login_buttons() if button.connection.app.provider_id not in taken],
    )


def _emails(document: Any) -> list[str]:
    if not isinstance(document, dict):
        return []
    for part in (document.get("userinfo"), document.get("id_token"), document):
        value = part.get("email") if isinstance(part, dict) else None
        if isinstance(value, str):
            return [value]
    return []


def proven_domains() -> frozenset[str]:
    """Return the mail domains that the space has proven to be its own."""
    return frozenset(EmailDomain.objects.exclude(verified_at=None).values_list("domain", flat=True))


def labels(found: Iterable[Connection]) -> dict[str, str]:
    """Return the label of each connection by the provider id of its application."""
    return {row.app.provider_id: row.label for row in found}
