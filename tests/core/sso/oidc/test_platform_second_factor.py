"""The platform vouches for who somebody is, not for the second factor that a space asks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("provider", "must"), [("platform", True), ("annuaire", False)])
def test_a_mandatory_second_factor_holds_for_platform_accounts(
    provider: str, must: bool, tenant_a: Any, admin_a: Any, connect: Any, inside: Any
) -> None:
    from tremplin.identity import mfa
    from tremplin.identity.identity_settings import IdentitySettings
    from tremplin.kernel import settings_store
    from tremplin.sso import signals

    connect(tenant_a)
    settings_store.write(
        "tenant", tenant_a.pk, "identity", {"mfa_roles": ("admin",)}, model=IdentitySettings
    )
    with inside(tenant_a):
        account = SocialAccount(user=admin_a, provider=provider, uid="someone")
        request = SimpleNamespace(session={"sso_connection": "a former sign-in"})
        signals.on_login(None, request, admin_a, sociallogin=SimpleNamespace(account=account))
        assert mfa.must_enrol(admin_a, request.session) is must
