"""Identity providers of a space, and what its directory manages."""

from __future__ import annotations

from tremplin.sso.models.connections import (
    Connection,
    EmailDomain,
    GivenRole,
    LoginTrace,
    ServiceKey,
)
from tremplin.sso.models.scim import CohortRole, ScimRecord

__all__ = [
    "CohortRole",
    "Connection",
    "EmailDomain",
    "GivenRole",
    "LoginTrace",
    "ScimRecord",
    "ServiceKey",
]
