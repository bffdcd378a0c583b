"""Signatures, encryption, rate limits: each bound to its purpose and its tenant."""

from __future__ import annotations

import time
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.signing import BadSignature, SignatureExpired

from tremplin.kernel import crypto, throttle
from tremplin.kernel.current import NoTenant
from tremplin.kernel.signing import TenantSigner, tenant_signer

pytestmark = pytest.mark.django_db


def test_a_signature_is_of_one_purpose_and_one_tenant(
    tenant_a: Any, tenant_b: Any, inside: Any
) -> None:
    signer = TenantSigner()
    with inside(tenant_a):
        signed = signer.sign("file", "abc")
        assert signer.unsign("file", signed, max_age=60) == "abc"
        assert signer.unsign("invitation", signed, max_age=60) is None
        assert signer.unsign("file", signed[:-1] + "?", max_age=60) is None
    with inside(tenant_b):
        assert signer.unsign("file", signed, max_age=60) is None
        with pytest.raises(BadSignature):
            tenant_signer("file").unsign(signed)


def test_a_signature_expires(tenant_a: Any, inside: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with inside(tenant_a):
        signed = TenantSigner().sign("file", "abc")
        later = time.time() + 61
        monkeypatch.setattr("django.core.signing.time.time", lambda: later)
        assert TenantSigner().unsign("file", signed, max_age=60) is None
        with pytest.raises(SignatureExpired):
            tenant_signer("file").unsign(signed, max_age=60)


def test_nothing_is_signed_outside_a_tenant_or_without_purpose(tenant_a: Any, inside: Any) -> None:
    with pytest.raises(NoTenant):
        tenant_signer("file")
    with inside(tenant_a), pytest.raises(ValueError, match="needs a purpose"):
        tenant_signer("")


def test_keys_rotate_newest_first(settings: Any) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = [old]
    first = crypto.encrypt("smtp password é")
    settings.ENCRYPTION_KEYS = [new, old]
    assert crypto.decrypt(first) == "smtp password é"
    second = crypto.rotate(first)
    settings.ENCRYPTION_KEYS = [new]
    assert crypto.decrypt(second) == "smtp password é"
    for unreadable in (first, "not a ciphertext", "é"):
        with pytest.raises(crypto.DecryptionError, match="no configured encryption key"):
            crypto.decrypt(unreadable)


def test_a_limit_counts_per_tenant_scope_and_key(
    tenant_a: Any, tenant_b: Any, inside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle.time, "time", lambda: 1_000_000.0)

    def hits(times: int, scope: str = "login", key: str = "ada") -> list[bool]:
        found = [throttle.hit(scope, key, limit=3, seconds=60) for _call in range(times)]
        return [item is not None for item in found]

    with inside(tenant_a):
        assert hits(5) == [False, False, False, True, True]
        assert hits(1, key="bob") == [False]
        assert hits(1, scope="reset") == [False]
    with inside(tenant_b):
        assert hits(4) == [False, False, False, True]


def test_a_window_ends(tenant_a: Any, inside: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [999_960.0]
    monkeypatch.setattr(throttle.time, "time", lambda: moment[0])
    with inside(tenant_a):
        assert throttle.hit("x", "k", limit=1, seconds=60) is None
        moment[0] += 17
        assert throttle.hit("x", "k", limit=1, seconds=60) == throttle.Throttled(43)
        moment[0] += 43
        assert throttle.hit("x", "k", limit=1, seconds=60) is None


def test_no_limit_is_counted_outside_a_tenant() -> None:
    with pytest.raises(NoTenant):
        throttle.hit("x", "k", limit=1, seconds=60)
