"""Signatures that are worth something for one purpose in one tenant only."""

from __future__ import annotations

from django.core import signing

from tremplin.kernel.current import tenant_required


def tenant_signer(purpose: str) -> signing.TimestampSigner:
    """Return a time-stamping signer whose salt is the purpose and the current tenant.

    Raises ``NoTenant`` outside a tenant and ``ValueError`` without a purpose.
    """
    if not purpose:
        raise ValueError("a signature needs a purpose")
    return signing.TimestampSigner(salt=f"tremplin:{purpose}:{tenant_required().uuid}")


class TenantSigner:
    """The service ``signer``: text in, signed text out, bound to purpose and tenant."""

    def sign(self, purpose: str, value: str) -> str:
        """Return ``value`` with a time stamp and a signature."""
        return tenant_signer(purpose).sign(value)

    def unsign(self, purpose: str, signed: str, *, max_age: int) -> str | None:
        """Return the value, or None when forged, foreign or older than ``max_age`` seconds."""
        try:
            return tenant_signer(purpose).unsign(signed, max_age=max_age)
        except signing.BadSignature:
            return None
