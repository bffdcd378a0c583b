"""A static key: what opens it, from where, until when, and what it leaves behind."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tremplin.identity.api_access import keys
from tremplin.identity.errors import IdentityError
from tremplin.identity.models import ApiKey

pytestmark = pytest.mark.django_db
HOME = "192.0.2.7"


def _events(kind: str) -> list[Any]:
    from tremplin.kernel.models import AuditEvent

    return list(AuditEvent.objects.filter(kind=kind).order_by("id"))


def test_a_key_is_shown_once_and_kept_as_a_hash(
    inside: Any, tenant_a: Any, admin_a: Any, make_key: Any
) -> None:
    key, secret = make_key(tenant_a, admin_a, "identity:read", "quiz:read")
    assert re.fullmatch(r"trk_[a-z0-9]{8}_[A-Za-z0-9]{43}", secret)
    with inside(tenant_a):
        row = ApiKey.objects.get()
        stored = " ".join(str(value) for value in vars(row).values())
        assert secret not in stored
        assert secret.rpartition("_")[2] not in stored
        assert (row.prefix, row.scopes) == (secret.split("_")[1], ["identity:read", "quiz:read"])
        found = keys.authenticate(secret, HOME)
        assert found is not None
        assert (found.pk, found.created_by) == (key.pk, admin_a)
        created = _events("security.api_key_created")
        assert [(event.target, event.data) for event in created] == [
            (
                f"api_key:{key.pk}",
                {"prefix": key.prefix, "scopes": ["identity:read", "quiz:read"], "networks": []},
            )
        ]


def test_what_is_not_the_key_opens_nothing(
    inside: Any, tenant_a: Any, admin_a: Any, make_key: Any
) -> None:
    _key, secret = make_key(tenant_a, admin_a)
    last = "a" if secret[-1] != "a" else "b"
    wrong = [
        "",
        "trk_",
        secret[:-1],
        secret[:-1] + last,
        secret + "a",
        secret.upper(),
        f" {secret}",
        f"{secret}\n",
        secret.replace("trk_", "tra_"),
        "trk_00000000_" + secret.rpartition("_")[2],
        secret[:-1] + "é",
        secret * 1000,
    ]
    with inside(tenant_a):
        assert [keys.authenticate(item, HOME) for item in wrong] == [None] * len(wrong)
        assert keys.authenticate(secret, HOME) is not None


def test_a_key_means_nothing_in_another_space(
    inside: Any, tenant_a: Any, tenant_b: Any, admin_a: Any, admin_b: Any, make_key: Any
) -> None:
    key, secret = make_key(tenant_a, admin_a)
    with inside(tenant_b):
        assert keys.authenticate(secret, HOME) is None
        # Even the same row, as a copied schema would have it.
        ApiKey.objects.create(
            name="copied",
            prefix=key.prefix,
            secret_hash=key.secret_hash,
            scopes=key.scopes,
            created_by=admin_b,
        )
        assert keys.authenticate(secret, HOME) is None


def test_a_key_stops_at_its_end(
    inside: Any, tenant_a: Any, admin_a: Any, make_key: Any, later: Any
) -> None:
    _key, secret = make_key(tenant_a, admin_a, expires_at=timezone.now() + timedelta(days=90))
    with inside(tenant_a):
        later(days=89.9)
        assert keys.authenticate(secret, HOME) is not None
        later(days=90)
        assert keys.authenticate(secret, HOME) is None


@pytest.mark.parametrize(
    ("networks", "address", "opens"),
    [
        (["192.0.2.0/24"], "192.0.2.7", True),
        (["192.0.2.0/24"], "192.0.3.7", False),
        (["192.0.2.7"], "192.0.2.7", True),
        (["192.0.2.0/24"], "::ffff:192.0.2.7", True),
        (["2001:db8::/32"], "2001:db8::1", True),
        (["2001:db8::/32"], "192.0.2.7", False),
        (["192.0.2.0/24", "198.51.100.0/24"], "198.51.100.255", True),
        (["192.0.2.0/24"], "", False),
        (["192.0.2.0/24"], "unknown", False),
        ([], "203.0.113.9", True),
    ],
)
def test_a_key_works_from_its_networks_only(
    inside: Any,
    tenant_a: Any,
    admin_a: Any,
    make_key: Any,
    networks: list[str],
    address: str,
    opens: bool,
) -> None:
    _key, secret = make_key(tenant_a, admin_a, networks=networks)
    with inside(tenant_a):
        assert (keys.authenticate(secret, address) is not None) is opens


def test_a_rotation_overlaps(
    inside: Any, tenant_a: Any, admin_a: Any, make_key: Any, later: Any
) -> None:
    key, first = make_key(tenant_a, admin_a)
    with inside(tenant_a):
        second = keys.rotate(key, overlap=timedelta(hours=24))
        assert second.split("_")[1] == first.split("_")[1]
        assert second != first

        def opening() -> list[bool]:
            return [keys.authenticate(item, HOME) is not None for item in (first, second)]

        assert opening() == [True, True]
        later(hours=23.9)
        assert opening() == [True, True]
        later(hours=24.1)
        assert opening() == [False, True]
        third = keys.rotate(key, overlap=timedelta(0))
        assert opening() == [False, False]
        assert keys.authenticate(third, HOME) is not None
        rotated = _events("security.api_key_rotated")
        assert [event.data["overlap_seconds"] for event in rotated] == [86_400, 0]
        with pytest.raises(IdentityError) as refused:
            keys.rotate(key, overlap=timedelta(days=31))
        assert refused.value.code == "bad_overlap"


def test_a_revoked_key_stops_at_once_with_its_former_secret(
    inside: Any, tenant_a: Any, admin_a: Any, make_key: Any
) -> None:
    key, first = make_key(tenant_a, admin_a)
    with inside(tenant_a):
        second = keys.rotate(key, overlap=timedelta(days=1))
        assert keys.revoke(key) is True
        assert keys.revoke(key) is False
        assert [keys.authenticate(item, HOME) for item in (first, second)] == [None, None]
        assert len(_events("security.api_key_revoked")) == 1
        with pytest.raises(IdentityError) as refused:
            keys.rotate(key, overlap=timedelta(0))
        assert refused.value.code == "key_closed"


def test_a_key_stops_with_its_creator(
    inside: Any, tenant_a: Any, admin_a: Any, make_person: Any, make_key: Any
) -> None:
    from tremplin.identity import services

    other = make_person(tenant_a, "karim@mecaformation.example", "admin")
    _key, secret = make_key(tenant_a, other)
    with inside(tenant_a):
        services.suspend(other, "left the school")
        assert keys.authenticate(secret, HOME) is None
        services.resume(other)
        assert keys.authenticate(secret, HOME) is not None
        other.expires_at = timezone.now() - timedelta(seconds=1)
        other.save()
        assert keys.authenticate(secret, HOME) is None


def test_a_named_scope_goes_with_the_right_behind_it(
    inside: Any, tenant_a: Any, admin_a: Any, make_person: Any, make_key: Any
) -> None:
    from tremplin.identity import services

    other = make_person(tenant_a, "karim@mecaformation.example", "admin")
    key, secret = make_key(tenant_a, other, "scim", "identity:read")
    with inside(tenant_a):
        assert [keys.allows(key, name) for name in ("scim", "identity:read", "quiz:read")] == [
            True,
            True,
            False,
        ]
        services.set_roles(other, ["learner"])
        found = keys.authenticate(secret, HOME)
        assert found is not None
        assert [keys.allows(found, name) for name in ("scim", "identity:read")] == [False, True]


def test_the_last_use_is_written_every_five_minutes(
    inside: Any,
    tenant_a: Any,
    admin_a: Any,
    make_key: Any,
    later: Any,
    django_assert_num_queries: Any,
) -> None:
    key, secret = make_key(tenant_a, admin_a)

    def last() -> tuple[Any, str]:
        key.refresh_from_db()
        return key.last_used_at, key.last_used_address

    with inside(tenant_a):
        first = later(seconds=1)
        with django_assert_num_queries(2):
            keys.authenticate(secret, HOME)
        assert last() == (first, HOME)
        later(minutes=4)
        with django_assert_num_queries(1):
            keys.authenticate(secret, "192.0.2.8")
        assert last() == (first, HOME)
        second = later(minutes=6)
        with django_assert_num_queries(2):
            keys.authenticate(secret, "192.0.2.8")
        assert last() == (second, "192.0.2.8")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"name": " \x00 "}, "name_required"),
        ({"scopes": []}, "scope_required"),
        ({"scopes": ["quiz:admin"]}, "unknown_scope"),
        ({"scopes": ["identity:read", "openid"]}, "unknown_scope"),
        ({"networks": ["192.0.2.7/24"]}, "bad_network"),
        ({"networks": ["everywhere"]}, "bad_network"),
        ({"networks": [f"192.0.2.{number}" for number in range(51)]}, "bad_network"),
        ({"expires_at": "past"}, "expiry_passed"),
    ],
)
def test_a_bad_key_is_refused_in_words(
    inside: Any, tenant_a: Any, admin_a: Any, options: dict[str, Any], code: str
) -> None:
    values: dict[str, Any] = {"name": "moodle", "scopes": ["identity:read"], **options}
    if values.get("expires_at") == "past":
        values["expires_at"] = timezone.now() - timedelta(minutes=1)
    with inside(tenant_a):
        with pytest.raises(IdentityError) as refused:
            keys.create(created_by=admin_a, **values)
        assert refused.value.code == code
        assert refused.value.message
        assert ApiKey.objects.count() == 0


def test_a_key_cannot_be_given_what_its_maker_may_not(
    inside: Any, tenant_a: Any, learner_a: Any
) -> None:
    with inside(tenant_a):
        with pytest.raises(IdentityError) as refused:
            keys.create(name="mine", scopes=["scim"], created_by=learner_a)
        assert refused.value.code == "scope_not_yours"
        assert ApiKey.objects.count() == 0
