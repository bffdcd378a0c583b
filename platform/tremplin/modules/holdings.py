"""What one space holds of one module: rows, files, rights, settings, reminders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Model, Q, QuerySet

from tenants.context import use
from tenants.registry import TenantInfo
from tremplin.files.models import StoredFileRecord
from tremplin.identity.roles import declared_permissions
from tremplin.kernel import registry
from tremplin.kernel.models import OutboxEvent, Receipt
from tremplin.kernel.state.models import JobStatus, ModuleState, Reminder, SettingValue
from tremplin.notifications.models import Notification


class ModuleError(Exception):
    """A module cannot be exported or purged as asked; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Summary:
    """How much there is, by kind; ``tables`` maps each table to its rows, sizes are in bytes."""

    tables: dict[str, int]
    files: int
    file_bytes: int
    grants: int
    settings: int
    reminders: int
    notifications: int
    state: int

    @property
    def rows(self) -> int:
        return sum(self.tables.values())

    @property
    def empty(self) -> bool:
        """Whether a purge would change nothing at all."""
        counts = (self.files, self.grants, self.settings, self.reminders, self.notifications)
        return not any((*counts, self.rows, self.state))


class Module:
    """An installed module, working or quarantined, whose tables this process knows.

    Raises ``ModuleError`` for a slug that is not installed or that could not be read.
    """

    def __init__(self, slug: str) -> None:
        entry = registry.get(slug)
        if (
            entry is None
            or entry.manifest is None
            or not apps.is_installed(entry.manifest.django_app)
        ):
            raise ModuleError(
                f"There is no module “{slug}” that can be read here: see manage.py plugin list."
            )
        self.slug = slug
        self.manifest = entry.manifest

    @cached_property
    def models(self) -> list[type[Model]]:
        """Every model, those made for many-to-many relations included."""
        return list(apps.get_app_config(self.slug).get_models(include_auto_created=True))

    @property
    def tables(self) -> list[str]:
        return sorted(model._meta.db_table for model in self.models)

    @property
    def permissions(self) -> QuerySet[Permission]:
        """The rows of the rights of this module in the current space."""
        return Permission.objects.filter(content_type__app_label=self.slug)

    @property
    def roles(self) -> QuerySet[Group]:
        """The groups of the roles that this module brings, in the current space."""
        return Group.objects.filter(name__in=[role.code for role in self.manifest.roles])

    def files(self) -> QuerySet[StoredFileRecord]:
        """The files stored for a purpose of this module in the current space."""
        return StoredFileRecord.objects.filter(
            Q(purpose=self.slug) | Q(purpose__startswith=f"{self.slug}.")
        )

    def notifications(self) -> QuerySet[Notification]:
        return Notification.objects.filter(key__startswith=f"{self.slug}.")

    def forget_events(self) -> int:
        """Delete the events that this module wrote, and what it remembers of those it heard.

        The audit log stays: it says what was done, not what a module holds.
        """
        prefix = f"{self.manifest.django_app}."
        Receipt.objects.filter(subscriber__startswith=prefix).delete()
        names = [event.event_name for event in self.manifest.events_published]
        # Names are "tremplin.<module>.<fact>": an older version may have had others.
        rows = OutboxEvent.objects.filter(
            Q(name__in=names) | Q(name__startswith=f"tremplin.{self.slug}.")
        )
        Receipt.objects.filter(event_id__in=rows.values("event_id")).delete()
        return rows.delete()[0]

    def reminders(self, tenant: TenantInfo) -> QuerySet[Reminder]:
        return Reminder.objects.filter(
            Q(task__startswith=f"{self.manifest.django_app}.") | Q(key=announcement_key(self.slug)),
            tenant_id=tenant.pk,
        )

    def jobs(self, tenant: TenantInfo) -> QuerySet[JobStatus]:
        return JobStatus.objects.filter(
            tenant_id=tenant.pk, task__startswith=f"{self.manifest.django_app}."
        )

    def settings(self, tenant: TenantInfo) -> QuerySet[SettingValue]:
        return SettingValue.objects.filter(level="tenant", owner=tenant.pk, module=self.slug)

    def grants(self) -> list[QuerySet[Any]]:
        """What the space itself gave: rights of people, of its own roles, on single objects.

        The rights that the module declares for the roles of the platform are no choice of the
        space: they stay, and come back with any synchronisation.
        """
        from guardian.models import GroupObjectPermission, UserObjectPermission

        types = ContentType.objects.filter(app_label=self.slug).values("pk")
        user = apps.get_model("identity.User")
        people = user._meta.get_field("user_permissions").remote_field.through
        members = user._meta.get_field("groups").remote_field.through
        declared = Q()
        for permission in declared_permissions().get(self.slug, ()):
            declared |= Q(
                permission__codename=permission.code,
                group__name__in=permission.default_roles,
            )
        own_roles = Group.permissions.through.objects.filter(
            permission__content_type__app_label=self.slug
        )
        return [
            UserObjectPermission.objects.filter(content_type__in=types),
            GroupObjectPermission.objects.filter(content_type__in=types),
            people.objects.filter(permission__content_type__app_label=self.slug),
            own_roles.exclude(declared) if declared else own_roles,
            members.objects.filter(group__in=self.roles),
        ]


def announcement_key(slug: str) -> str:
    """Return the key of the reminder that purges a module on its day."""
    return f"modules.purge.{slug}"


@contextmanager
def in_space(tenant: TenantInfo) -> Iterator[None]:
    """Enter the space of a purge or an export."""
    with use(tenant):
        yield


def summary(tenant: TenantInfo, module: Module) -> Summary:
    """Count what ``tenant`` holds of ``module``."""
    with in_space(tenant):
        sizes = list(module.files().values_list("size", flat=True))
        return Summary(
            tables=_counts(module.tables),
            files=len(sizes),
            file_bytes=sum(sizes),
            grants=sum(rows.count() for rows in module.grants()),
            settings=module.settings(tenant).count(),
            reminders=module.reminders(tenant).count(),
            notifications=module.notifications().count(),
            state=ModuleState.objects.filter(tenant_id=tenant.pk, slug=module.slug).count(),
        )


def _counts(tables: list[str]) -> dict[str, int]:
    """Return the rows of each table of the current space; a dropped table has none."""
    found: dict[str, int] = {}
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [quote(table)])
            if not cursor.fetchone()[0]:
                continue
            cursor.execute(f"SELECT count(*) FROM {quote(table)}")  # noqa: S608  quoted name
            found[table] = int(cursor.fetchone()[0])
    return found


def quote(name: str) -> str:
    """Return a table's name for SQL."""
    return str(connection.ops.quote_name(name))
