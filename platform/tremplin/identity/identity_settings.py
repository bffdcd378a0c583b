"""What a space decides about its accounts (settings cascade, module ``identity``)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MailDomain = Annotated[
    str,
    StringConstraints(strip_whitespace=True, to_lower=True, pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$"),
]


class IdentitySettings(BaseModel):
    """Sign-up policy and second factor of one space."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    tremplin_module: ClassVar[str] = "identity"

    signup: Literal["invitation", "open", "domain"] = "invitation"
    signup_domains: tuple[MailDomain, ...] = Field(
        (), description="Mail domains whose owners may sign up when signup is 'domain'"
    )
    signup_role: Literal["learner", "candidate", "professional"] = "learner"
    mfa_roles: tuple[str, ...] = Field(
        (), description="Roles that must use a second factor, besides those of the platform"
    )
    invitation_days: int = Field(14, ge=1, le=60, description="Life of an invitation, in days")
    contact_email: str = Field(
        "", max_length=254, description="Address shown to people who are stuck"
    )


def current() -> IdentitySettings:
    """Return the settings of the current space (defaults outside any space)."""
    from tremplin.kernel.current import current_tenant
    from tremplin.kernel.settings_store import effective

    tenant = current_tenant.get()
    if tenant is None:
        return IdentitySettings()
    return effective(IdentitySettings, tenant, "identity")
