"""Static keys of integrators: made, presented, rotated, revoked.

A key reads ``trk_<prefix>_<secret>``: eight characters that lists show, then 43 letters and digits
(256 bits) that are shown once. Only SHA-256 of the whole key and of the space's identity is kept:
a row copied into another space opens nothing there. Times are on the real clock, like sessions.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
import string
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from tremplin.identity.api_access import scopes as scope_names
from tremplin.identity.errors import IdentityError
from tremplin.identity.models import ApiKey, User
from tremplin.identity.normalise import clean_text
from tremplin.kernel.current import tenant_key

MARK = "trk"
PREFIX_LENGTH = 8
SECRET_LENGTH = 43  # 62^43 is more than 2^256
MAX_NAME = 80
MAX_NETWORKS = 50
LAST_USE_EVERY = timedelta(minutes=5)
LONGEST_OVERLAP = timedelta(days=30)
_LOWER = string.ascii_lowercase + string.digits
_ALPHABET = string.ascii_letters + string.digits
_SHAPE = re.compile(rf"{MARK}_([a-z0-9]{{{PREFIX_LENGTH}}})_[A-Za-z0-9]{{{SECRET_LENGTH}}}")
_NOBODY = "0" * 64  # compared when no key has the prefix, so that the answer takes as long


def create(
    *,
    name: str,
    scopes: Iterable[str],
    created_by: User,
    expires_at: datetime | None = None,
    networks: Sequence[str] = (),
) -> tuple[ApiKey, str]:
    """Store a key and return it with the secret, which nothing can show again.

    ``networks`` are CIDR ranges or addresses the key works from (none: everywhere); ``expires_at``
    is aware. Raises ``IdentityError`` ``name_required``, ``scope_required``, ``unknown_scope``,
    ``scope_not_yours``, ``bad_network`` or ``expiry_passed``.
    """
    title = clean_text(name)[:MAX_NAME]
    if not title:
        raise IdentityError(
            "name_required", _("Name the key after what uses it, “moodle-prod” for example.")
        )
    chosen = scope_names.checked(scopes, created_by)
    ranges = checked_networks(networks)
    if expires_at is not None and expires_at <= timezone.now():
        raise IdentityError("expiry_passed", _("Choose an end date in the future."))
    for _attempt in range(3):
        prefix = "".join(secrets.choice(_LOWER) for _i in range(PREFIX_LENGTH))
        secret = _secret(prefix)
        try:
            with transaction.atomic():
                key = ApiKey.objects.create(
                    name=title,
                    prefix=prefix,
                    secret_hash=digest(secret),
                    scopes=chosen,
                    networks=ranges,
                    created_by=created_by,
                    expires_at=expires_at,
                )
                _audit("security.api_key_created", key, {"scopes": chosen, "networks": ranges})
        except IntegrityError:
            continue  # the prefix exists already (one chance in 2.8 million million)
        return key, secret
    raise RuntimeError("no free key prefix after three attempts")


def authenticate(presented: str, address: str) -> ApiKey | None:
    """Return the key that ``presented`` opens from ``address``, with its creator, or None.

    None for an unknown, revoked or expired key, another network, or a creator who is suspended,
    removed or expired. One query, and a second one at most every five minutes to note the use.
    """
    match = _SHAPE.fullmatch(presented) if presented.isascii() else None
    found = None
    if match is not None:
        found = (
            ApiKey.objects.select_related("created_by")
            .filter(prefix=match.group(1), revoked_at=None)
            .first()
        )
    now = timezone.now()
    offered = digest(presented)
    is_current = hmac.compare_digest(offered, found.secret_hash if found else _NOBODY)
    former = found.previous_hash if found and found.previous_hash else _NOBODY
    is_former = hmac.compare_digest(offered, former)
    if found is None:
        return None
    if is_former and (found.previous_until is None or found.previous_until <= now):
        is_former = False
    if not (is_current or is_former) or not usable(found, now):
        return None
    if not _from_allowed_network(found, address):
        return None
    _note_use(found, address, now)
    return found


def usable(key: ApiKey, now: datetime | None = None) -> bool:
    """Tell whether the key still works: not revoked, not expired, its creator neither."""
    moment = now or timezone.now()
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= moment):
        return False
    return is_present(key.created_by)


def is_present(person: User) -> bool:
    """Tell whether the account behind a key or an application is open."""
    return person.is_active and person.removed_at is None and not person.is_expired()


def allows(key: ApiKey, scope: str) -> bool:
    """Tell whether the key has ``scope`` and its creator still holds the right behind it."""
    return scope in key.scopes and scope_names.may_grant(key.created_by, scope)


def rotate(key: ApiKey, *, overlap: timedelta) -> str:
    """Give the key a new secret and return it; the former one works for ``overlap`` more.

    ``overlap`` is between nothing and 30 days. The secret before the former one stops at once.
    Raises ``IdentityError`` ``key_closed`` or ``bad_overlap``.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise IdentityError(
            "bad_overlap", _("The former secret may keep working for 30 days at most.")
        )
    with transaction.atomic():
        locked = ApiKey.objects.select_for_update().get(pk=key.pk)
        now = timezone.now()
        if locked.revoked_at is not None or (
            locked.expires_at is not None and locked.expires_at <= now
        ):
            raise IdentityError("key_closed", _("This key no longer works: create a new one."))
        secret = _secret(locked.prefix)
        locked.previous_hash = locked.secret_hash if overlap else ""
        locked.previous_until = now + overlap if overlap else None
        locked.secret_hash = digest(secret)
        locked.save(update_fields=["secret_hash", "previous_hash", "previous_until"])
        _audit(
            "security.api_key_rotated", locked, {"overlap_seconds": int(overlap.total_seconds())}
        )
    for name in ("secret_hash", "previous_hash", "previous_until"):
        setattr(key, name, getattr(locked, name))
    return secret


def revoke(key: ApiKey) -> bool:
    """Stop the key for good, at once. Returns whether it was not revoked yet."""
    with transaction.atomic():
        now = timezone.now()
        if not ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
            return False
        key.revoked_at = now
        _audit("security.api_key_revoked", key, {})
    return True


def checked_networks(networks: Iterable[str]) -> list[str]:
    """Return CIDR ranges in canonical form, without duplicates.

    Raises ``IdentityError`` ``bad_network`` for anything else, a range with host bits included.
    """
    ranges: list[str] = []
    for item in networks:
        text = item.strip()
        if not text:
            continue
        try:
            network = str(ipaddress.ip_network(text))
        except ValueError as error:
            raise IdentityError(
                "bad_network",
                _("“%(text)s” is not an address range such as 192.0.2.0/24.")
                % {"text": clean_text(text)[:60]},
            ) from error
        if network not in ranges:
            ranges.append(network)
    if len(ranges) > MAX_NETWORKS:
        raise IdentityError("bad_network", _("A key works from 50 address ranges at most."))
    return ranges


def digest(presented: str) -> str:
    """Return what is stored of a key: SHA-256 of the space's identity and the whole key."""
    return hashlib.sha256(f"{tenant_key()}:{presented}".encode()).hexdigest()


def _secret(prefix: str) -> str:
    random = "".join(secrets.choice(_ALPHABET) for _i in range(SECRET_LENGTH))
    return f"{MARK}_{prefix}_{random}"


def _from_allowed_network(key: ApiKey, address: str) -> bool:
    if not key.networks:
        return True
    try:
        client = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(client, "ipv4_mapped", None)
    if mapped is not None:
        client = mapped
    return any(client in ipaddress.ip_network(item) for item in key.networks)


def _note_use(key: ApiKey, address: str, now: datetime) -> None:
    """Write the last use at most every five minutes, whatever the number of processes."""
    due = now - LAST_USE_EVERY
    if key.last_used_at is not None and key.last_used_at > due:
        return
    written = ApiKey.objects.filter(
        Q(last_used_at=None) | Q(last_used_at__lte=due), pk=key.pk
    ).update(last_used_at=now, last_used_address=address[:45])
    if written:
        key.last_used_at, key.last_used_address = now, address[:45]


def _audit(kind: str, key: ApiKey, data: dict[str, object]) -> None:
    from tremplin.api import services

    services.audit().record(kind, target=f"api_key:{key.pk}", data={"prefix": key.prefix, **data})
