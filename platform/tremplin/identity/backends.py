"""Sign-in with e-mail and password, and permissions through roles in two queries."""

from __future__ import annotations

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.models import Group, Permission
from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Q

from tremplin.identity.models import User


class RoleBackend(AuthenticationBackend):  # type: ignore[misc]
    """allauth's backend, with roles read with the person and permissions read once."""

    def user_can_authenticate(self, user: Any) -> bool:
        """Refuse suspended, removed and expired accounts."""
        return bool(super().user_can_authenticate(user)) and not user.is_expired()

    def get_user(self, user_id: Any) -> User | None:
        """Return the person of a session with its roles, in one query."""
        user = (
            User.objects.filter(pk=user_id)
            .annotate(granted=ArrayAgg("groups__name", filter=Q(groups__isnull=False), default=[]))
            .first()
        )
        if user is None or not self.user_can_authenticate(user):
            return None
        user.__dict__["_role_codes"] = frozenset(user.granted)  # type: ignore[attr-defined]
        return user

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Return ``<slug>.<code>`` of every permission held; one query per person instance."""
        if obj is not None or not user_obj.is_active or user_obj.is_anonymous:
            return set()
        if not hasattr(user_obj, "_perm_cache"):
            # Two small lists of keys: one join over the members of the person's groups would read
            # thousands of rows in a big space.
            by_role = Group.permissions.through.objects.filter(
                group_id__in=User.groups.through.objects.filter(user_id=user_obj.pk).values(
                    "group_id"
                )
            )
            own = User.user_permissions.through.objects.filter(user_id=user_obj.pk)
            rows = (
                Permission.objects.filter(
                    Q(pk__in=by_role.values("permission_id"))
                    | Q(pk__in=own.values("permission_id"))
                )
                .order_by()
                .values_list("content_type__app_label", "codename")
            )
            user_obj._perm_cache = {f"{label}.{code}" for label, code in rows}
        return set(user_obj._perm_cache)

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Tell whether the person holds ``perm``."""
        if obj is not None or not user_obj.is_active or user_obj.is_anonymous:
            return False
        if not hasattr(user_obj, "_perm_cache"):
            self.get_all_permissions(user_obj)
        return perm in user_obj._perm_cache
