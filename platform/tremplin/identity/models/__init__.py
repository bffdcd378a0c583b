"""Who belongs to a space. Every table lives in the tenant's schema; nothing is shared."""

from __future__ import annotations

from django.contrib.auth.models import Group

from tremplin.identity.models.api_keys import ApiKey
from tremplin.identity.models.bulk import BulkAction
from tremplin.identity.models.cohorts import Cohort, CohortMembership
from tremplin.identity.models.imports import ImportUpload
from tremplin.identity.models.people import User, UserManager
from tremplin.identity.models.roles import CustomRole
from tremplin.identity.models.space import SpaceOwner, TenantMembership
from tremplin.identity.models.support import SupportAccess
from tremplin.identity.models.tokens import Invitation, PasswordResetToken

__all__ = [
    "ApiKey",
    "BulkAction",
    "Cohort",
    "CohortMembership",
    "CustomRole",
    "Group",
    "ImportUpload",
    "Invitation",
    "PasswordResetToken",
    "SpaceOwner",
    "SupportAccess",
    "TenantMembership",
    "User",
    "UserManager",
]
