"""People of the two test schools."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _quick_hashes(settings: Any) -> None:
    """Hash passwords quickly: the real hasher takes most of a second on purpose."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def policy(inside: Any) -> Callable[..., None]:
    """Return ``policy(tenant, **values)``: write the identity settings of a space."""
    from tremplin.identity.identity_settings import IdentitySettings
    from tremplin.kernel import settings_store

    def write(tenant: Any, **values: Any) -> None:
        settings_store.write("tenant", tenant.pk, "identity", values, model=IdentitySettings)
        effective = settings_store.effective(IdentitySettings, tenant, "identity")
        assert effective.model_dump(include=set(values)) == values

    return write


@pytest.fixture
def admin_a(tenant_a: Any, make_person: Any) -> Any:
    return make_person(
        tenant_a, "nadia@mecaformation.example", "admin", first_name="Nadia", last_name="Lefèvre"
    )


@pytest.fixture
def admin_b(tenant_b: Any, make_person: Any) -> Any:
    return make_person(
        tenant_b, "nadia@mecaformation.example", "admin", first_name="Nadia", last_name="Autre"
    )


@pytest.fixture
def learner_a(tenant_a: Any, make_person: Any) -> Any:
    return make_person(
        tenant_a, "lina@mecaformation.example", "learner", first_name="Lina", last_name="Moreau"
    )


@pytest.fixture
def as_admin(client_for: Any, tenant_a: Any, admin_a: Any) -> Any:
    return client_for(tenant_a, admin_a)
