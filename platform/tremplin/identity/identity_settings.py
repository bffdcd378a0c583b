"""What a space decides about its accounts (settings cascade, module ``identity``)."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

MailDomain = Annotated[
    str,
    StringConstraints(strip_whitespace=True, to_lower=True, pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$"),
]
Network = Annotated[str, AfterValidator(lambda text: str(ip_network(text.strip(), strict=False)))]


class IdentitySettings(BaseModel):
    """Who may sign up and sign in, how, and from where, in one space."""

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
    login_by_code: bool = Field(False, description="Sign in with a code sent by mail")
    passkeys: bool = Field(True, description="Sign in with a passkey of the device")
    idle_minutes: int = Field(
        0, ge=0, le=1440, description="Minutes without activity that end a session; 0 for never"
    )
    custom_roles: bool = Field(False, description="Whether administrators make roles of their own")
    support_access: bool = Field(
        False, description="Whether the platform's support may view the space as one of its people"
    )
    allowed_networks: tuple[Network, ...] = Field(
        (), max_length=200, description="Networks (CIDR) from which the space may be reached"
    )
    networks_apply_to: Literal["everything", "console"] = Field(
        "everything", description="Whether the networks bound the whole space or console and API"
    )
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
