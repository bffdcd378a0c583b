"""Every change to people, roles, cohorts and invitations. Each function is one transaction."""

from __future__ import annotations

from tremplin.identity.services.cohorts import (
    add_to_cohort,
    before_cohort_deleted,
    delete_cohort,
    ensure_cohort,
    remove_from_cohort,
    rename_cohort,
)
from tremplin.identity.services.custom_roles import (
    allow_custom_roles,
    change_role,
    create_role,
    delete_role,
)
from tremplin.identity.services.factors import reset_second_factor
from tremplin.identity.services.invitations import (
    accept_invitation,
    find_invitation,
    invite,
    new_token,
    open_invitation,
    queue_invitations,
    resend_invitation,
)
from tremplin.identity.services.people import (
    checked_email,
    create_person,
    update_person,
)
from tremplin.identity.services.pilots import (
    create_pilots,
    end_pilot,
    extend_pilot,
    keep_pilot,
)
from tremplin.identity.services.removal import (
    anonymise,
    register_eraser,
    remove,
)
from tremplin.identity.services.roles import (
    groups_named,
    is_owner,
    is_owner_id,
    keep_an_admin,
    set_owner,
    set_roles,
)
from tremplin.identity.services.sessions import (
    close_streams,
    end_sessions,
    revoke_sessions,
)
from tremplin.identity.services.suspension import (
    expire_accounts,
    resume,
    suspend,
)

__all__ = [
    "accept_invitation",
    "add_to_cohort",
    "allow_custom_roles",
    "anonymise",
    "before_cohort_deleted",
    "change_role",
    "checked_email",
    "close_streams",
    "create_person",
    "create_pilots",
    "create_role",
    "delete_cohort",
    "delete_role",
    "end_pilot",
    "end_sessions",
    "ensure_cohort",
    "expire_accounts",
    "extend_pilot",
    "find_invitation",
    "groups_named",
    "invite",
    "is_owner",
    "is_owner_id",
    "keep_an_admin",
    "keep_pilot",
    "new_token",
    "open_invitation",
    "queue_invitations",
    "register_eraser",
    "remove",
    "remove_from_cohort",
    "rename_cohort",
    "resend_invitation",
    "reset_second_factor",
    "resume",
    "revoke_sessions",
    "set_owner",
    "set_roles",
    "suspend",
    "update_person",
]
