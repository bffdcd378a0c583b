"""System checks of single sign-on."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks


@checks.register(checks.Tags.security)
def signing_key(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Say when nobody can sign in with a platform account, and refuse a key that signs nothing."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    pem = settings.IDP_OIDC_PRIVATE_KEY
    if not pem:
        return [
            checks.Warning(
                "Nobody can sign in with a platform account: there is no signing key.",
                hint="Set TREMPLIN_OIDC_PRIVATE_KEY: openssl genpkey -algorithm RSA "
                "-pkeyopt rsa_keygen_bits:2048",
                id="sso.W001",
            )
        ]
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, RSAPrivateKey) or key.key_size < 2048:
        return [
            checks.Error(
                "TREMPLIN_OIDC_PRIVATE_KEY must be an RSA key of 2048 bits or more, in PEM and "
                "without a passphrase.",
                id="sso.E001",
            )
        ]
    return []
