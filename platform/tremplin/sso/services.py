"""Every change to the connections of a space. Each function is one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from allauth.socialaccount.models import SocialAccount, SocialApp
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tremplin.identity.normalise import clean_text, slugify
from tremplin.kernel import crypto, entitled, throttle
from tremplin.sso import role_mapping
from tremplin.sso.errors import SsoError
from tremplin.sso.models import Connection
from tremplin.sso.oidc import presets

PREFIX = "fernet:"
# Words that stand for something else in the addresses of sign-in.
RESERVED = frozenset({"platform", "saml", "openid_connect", "login", "logout", "metadata"})
SLUG_LENGTH = 32
# Whom a mandatory connection concerns (``enforcement``): a change of the provider keeps it.
ENFORCED_FOR = "enforced_for"


def audit(kind: str, connection: Connection, **data: Any) -> None:
    """Write one security event about ``connection``."""
    from tremplin.api import services

    services.audit().record(
        kind, target=f"connection:{connection.pk}", data={"slug": connection.slug, **data}
    )


def seal(secret: str) -> str:
    """Return ``secret`` as it is stored: ciphertext behind a prefix (empty stays empty)."""
    return f"{PREFIX}{crypto.encrypt(secret)}" if secret else ""


def open_sealed(stored: str) -> str:
    """Return the secret that ``stored`` holds. Raises ``kernel.crypto.DecryptionError``."""
    return crypto.decrypt(stored.removeprefix(PREFIX)) if stored.startswith(PREFIX) else stored


def unlock(app: SocialApp) -> SocialApp:
    """Put the secrets of ``app`` in clear, in memory: never save it afterwards.

    A secret that no key opens any more becomes empty: the provider then refuses the sign-in, and
    the people of the space see which connection to repair.
    """

    def opened(stored: Any) -> Any:
        if not isinstance(stored, str) or not stored.startswith(PREFIX):
            return stored
        try:
            return open_sealed(stored)
        except crypto.DecryptionError:
            return ""

    def walk(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: walk(item) for key, item in value.items()}
        return opened(value)

    app.secret, app.key = opened(app.secret), opened(app.key)
    app.settings = walk(app.settings)
    return app


@dataclass(frozen=True, slots=True)
class OidcValues:
    """What an administrator writes about an OpenID provider; an empty ``secret`` keeps the old."""

    label: str
    client_id: str
    secret: str
    server_url: str
    default_role: str
    creates_people: bool = True
    updates_profile: bool = True
    updates_roles: bool = False
    role_attribute: str = ""
    role_map: dict[str, str] = field(default_factory=dict)


def free_slug(label: str) -> str:
    """Return an address part for ``label`` that no other connection of the space has."""
    base = slugify(label)[:SLUG_LENGTH].strip("-") or "sso"
    taken = set(Connection.objects.values_list("slug", flat=True)) | RESERVED
    taken |= set(SocialApp.objects.values_list("provider_id", flat=True))
    number, slug = 2, base
    while slug in taken:
        slug, number = f"{base}-{number}", number + 1
    return slug


def _checked_roles(values: OidcValues) -> None:
    unknown = {values.default_role, *values.role_map.values()} - set(role_mapping.grantable_roles())
    if unknown:
        raise SsoError(
            "role_refused",
            _("A directory cannot give the role “%(role)s”.")
            % {"role": ", ".join(sorted(unknown))},
        )


def _write_oidc(app: SocialApp, preset: presets.Preset, values: OidcValues) -> None:
    app.name = values.label[:40]
    app.client_id = values.client_id
    if values.secret:
        app.secret = seal(values.secret)
    kept = {ENFORCED_FOR: app.settings[ENFORCED_FOR]} if ENFORCED_FOR in app.settings else {}
    app.settings = {
        **kept,
        **preset.settings,
        "preset": preset.code,
        "server_url": preset.server_url or values.server_url.rstrip("/"),
        "oauth_pkce_enabled": True,
        "email_authentication": True,
    }


def _write_connection(connection: Connection, values: OidcValues) -> None:
    connection.label = clean_text(values.label)[:80]
    connection.creates_people = values.creates_people
    connection.updates_profile = values.updates_profile
    connection.updates_roles = values.updates_roles
    connection.default_role = values.default_role
    connection.role_attribute = values.role_attribute
    connection.role_map = values.role_map


@transaction.atomic
def create_oidc(preset_code: str, values: OidcValues, *, slug: str = "") -> Connection:
    """Store an OpenID provider of the space, switched off until it is tried.

    ``slug`` stands in its addresses for ever; made from the label when empty. Raises ``SsoError``
    ``role_refused``, ``secret_required`` or ``slug_taken``.
    """
    _checked_roles(values)
    if not values.secret:
        raise SsoError("secret_required", _("Paste the client secret that the provider gave."))
    preset = presets.of(preset_code)
    slug = slug or free_slug(values.label)
    app = SocialApp(provider="openid_connect", provider_id=slug)
    _write_oidc(app, preset, values)
    connection = Connection(
        app=app, kind=Connection.Kind.OIDC, slug=slug, preset=preset.code, is_active=False
    )
    _write_connection(connection, values)
    try:
        with transaction.atomic():
            app.save()
            connection.app = app
            connection.save()
    except IntegrityError as error:
        raise SsoError(
            "slug_taken", _("Somebody added the same provider just now. Save once more.")
        ) from error
    audit("security.sso_configured", connection, created=True, preset=preset.code)
    return connection


@transaction.atomic
def update_oidc(connection: Connection, values: OidcValues) -> Connection:
    """Change an OpenID provider. Raises ``SsoError`` ``role_refused`` or ``other_provider``.

    A subject is unique at its issuer only (OpenID Connect Core 1.0, 5.7): the identities linked to
    people belong to the former address, and another provider could name any of them.
    """
    _checked_roles(values)
    app = SocialApp.objects.select_for_update().get(pk=connection.app_id)
    before = app.settings.get("server_url", "")
    _write_oidc(app, presets.of(connection.preset), values)
    is_other = app.settings["server_url"].rstrip("/") != before.rstrip("/")
    if is_other and SocialAccount.objects.filter(provider=app.provider_id).exists():
        raise SsoError(
            "other_provider",
            _(
                "People are linked to the provider at %(url)s. Add a connection for the new "
                "address, then delete this one."
            )
            % {"url": before},
        )
    app.save()
    _write_connection(connection, values)
    connection.save()
    audit("security.sso_configured", connection, secret_changed=bool(values.secret))
    return connection


def note_failure(connection: Connection, code: str, address: str) -> None:
    """Write down a sign-in that failed, at most ten in five minutes from one address.

    Anybody may open the return address with a made-up answer: the log must not fill with that.
    """
    if throttle.hit("sso.failed", address, limit=10, seconds=300) is None:
        audit("security.sso_failed", connection, code=code)


@transaction.atomic
def note_login(connection: Connection) -> None:
    """Remember that somebody signed in through ``connection``."""
    Connection.objects.filter(pk=connection.pk).update(last_login_at=timezone.now())


@transaction.atomic
def note_test(connection: Connection, *, is_ok: bool, problem: str = "") -> None:
    """Remember what the last look at the provider gave."""
    now = timezone.now()
    Connection.objects.filter(pk=connection.pk).update(
        last_test_at=now, metadata_checked_at=now, metadata_error="" if is_ok else problem[:300]
    )


@transaction.atomic
def set_active(connection: Connection, active: bool) -> bool:
    """Open or close a connection for sign-in and return whether that changed anything.

    Raises ``SsoError`` ``not_in_plan``: closing is always possible.
    """
    if connection.is_active == active:
        return False
    if (
        active
        and connection.kind != Connection.Kind.PLATFORM
        and not entitled.allows("sso.enabled")
    ):
        raise SsoError("not_in_plan", _("The plan of this space does not include single sign-on."))
    connection.is_active = active
    if not active:
        connection.is_enforced = False  # a closed door must not be the only one
    connection.save(update_fields=["is_active", "is_enforced", "updated_at"])
    audit("security.sso_switched_on" if active else "security.sso_switched_off", connection)
    return True


@transaction.atomic
def delete(connection: Connection) -> int:
    """Delete a connection with the identities linked through it; returns how many there were.

    Raises ``SsoError`` ``platform_stays`` for the platform's, which can only be switched off.
    """
    from tremplin.sso import accounts  # it writes its events through this module

    if connection.kind == Connection.Kind.PLATFORM:
        raise SsoError("platform_stays", _("This connection can be switched off, not deleted."))
    count = 0
    for account in SocialAccount.objects.filter(provider=connection.app.provider_id):
        accounts.unlink(account)
        count += 1
    audit("security.sso_deleted", connection, identities=count)
    connection.app.delete()
    return count
