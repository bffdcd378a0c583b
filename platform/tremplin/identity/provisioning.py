"""What a new space needs from identity: the roles of its kind and its owner."""

from __future__ import annotations

from typing import Any

from tremplin.identity import roles, services


def seed_roles(tenant: Any, new: Any) -> None:
    """Add the roles that only this kind of space has (platform or reseller roles)."""
    if any(role.kinds != roles.EVERY_KIND for role in roles.declared_for(tenant.kind)):
        roles.sync(tenant.kind)


def create_owner(tenant: Any, new: Any) -> None:
    """Create the owner from ``new.options["owner"]``, if given.

    Keys: ``email``, ``first_name``, ``last_name``, ``locale``, ``password_hash``, ``totp_secret``.
    Without a password hash the owner receives an invitation. She is an administrator; in the
    operator's space also a platform administrator, in a reseller's space also its reseller owner.
    """
    owner = dict((new.options or {}).get("owner") or {})
    if not owner.get("email"):
        return
    codes = ["admin"]
    codes += {"hq": ["platform_admin"], "reseller": ["reseller_owner"]}.get(tenant.kind, [])
    names = {
        "first_name": owner.get("first_name", ""),
        "last_name": owner.get("last_name", ""),
        "locale": owner.get("locale") or tenant.locale,
    }
    if owner.get("password_hash"):
        person = services.create_person(
            email=owner["email"], roles=codes, password_hash=owner["password_hash"], **names
        )
    else:
        person = services.invite(owner["email"], codes, **names).person
    services.set_owner(person)
    if owner.get("totp_secret"):
        from tremplin.identity.mfa import enrol_totp

        enrol_totp(person, owner["totp_secret"])
