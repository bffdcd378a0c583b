"""Spaces that sign in elsewhere only: passwords, codes, passkeys and resets are closed to them."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from tremplin.identity.models import SpaceOwner
from tremplin.identity.sign_in_rules import Method, Refusal
from tremplin.kernel import entitled
from tremplin.sso.errors import SsoError
from tremplin.sso.models import Connection
from tremplin.sso.selectors import FEATURE, login_url, proven_domains
from tremplin.sso.services import audit

SCOPE_KEY = "enforced_for"
DOMAINS, EVERYBODY = "domains", "everybody"


def scope_of(connection: Connection) -> str:
    """Return whom an enforced connection concerns: proven domains only, or everybody."""
    return EVERYBODY if connection.app.settings.get(SCOPE_KEY) == EVERYBODY else DOMAINS


def enforced() -> Connection | None:
    """Return the connection that people must use, if the space has one that works.

    A SAML connection counts only while the SAML libraries are there: nobody is locked out by a
    missing library, nor by a plan without single sign-on.
    """
    if not entitled.includes(FEATURE):
        return None
    found = (
        Connection.objects.select_related("app")
        .filter(is_active=True, is_enforced=True)
        .exclude(kind=Connection.Kind.PLATFORM)
        .order_by("created_at")
    )
    if not settings.SAML_AVAILABLE:
        found = found.exclude(kind=Connection.Kind.SAML)
    return found.first()


def rule(email: str, method: Method) -> Refusal | None:
    """Refuse the account pages to the people of an enforced connection; the owner keeps them.

    The owner's way in is the break-glass: without it a broken provider would close the space.
    """
    connection = enforced()
    if connection is None:
        return None
    if scope_of(connection) == DOMAINS and email.rpartition("@")[2] not in proven_domains():
        return None
    if email and SpaceOwner.objects.filter(person__email=email).exists():
        return None
    return Refusal(
        _("Your organisation asks you to sign in with %(name)s.") % {"name": connection.label},
        login_url(connection),
    )


def closes(connection: Connection, email: str) -> Refusal | None:
    """Refuse a sign-in through ``connection`` to whoever must use another one.

    A platform account or a second provider would let people in whom the organisation has closed.
    """
    found = rule(email, "sso")
    current = enforced() if found is not None else None
    return None if current is None or current.pk == connection.pk else found


def register() -> None:
    """Let the account pages ask ``rule``."""
    from tremplin.identity.sign_in_rules import register_rule

    register_rule(rule)


@transaction.atomic
def enforce(connection: Connection, scope: str) -> None:
    """Make ``connection`` the only way in. Raises ``SsoError``.

    Codes: ``inactive``, ``untested`` (nobody signed in through it, not even for a test),
    ``no_domain`` (none is proven), ``other_enforced``.
    """
    if not connection.is_active:
        raise SsoError("inactive", _("Switch the connection on first."))
    if connection.last_test_at is None and connection.last_login_at is None:
        raise SsoError("untested", _("Run a successful test first: nobody must be locked out."))
    if scope == DOMAINS and not proven_domains():
        raise SsoError("no_domain", _("Prove a mail domain first: the rule is for its addresses."))
    others = Connection.objects.filter(is_enforced=True).exclude(pk=connection.pk)
    if others.exists():
        raise SsoError("other_enforced", _("Another connection is mandatory already."))
    connection.is_enforced = True
    connection.save(update_fields=["is_enforced", "updated_at"])
    connection.app.settings[SCOPE_KEY] = scope
    connection.app.save(update_fields=["settings"])
    audit("security.sso_enforced", connection, scope=scope)


@transaction.atomic
def release(connection: Connection) -> bool:
    """Open the account pages again and return whether they were closed."""
    if not connection.is_enforced:
        return False
    connection.is_enforced = False
    connection.save(update_fields=["is_enforced", "updated_at"])
    audit("security.sso_released", connection)
    return True
