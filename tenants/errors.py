"""Errors of tenancy; each has a stable code and a sentence for the person who asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


class TenancyError(Exception):
    """Base of the errors of tenancy. ``str(error)`` is translated when it is read."""

    code = "tenancy"
    message: Any = gettext_lazy("The space could not be handled.")

    def __init__(self, message: Any = None, **values: Any) -> None:
        self.template = message if message is not None else self.message
        self.values: Mapping[str, Any] = values
        super().__init__(str(self.template))

    def __str__(self) -> str:
        text = str(self.template)
        return text % self.values if self.values else text


class InvalidSlug(TenancyError):
    code = "invalid_slug"
    message = gettext_lazy(
        "The address “%(slug)s” is not usable: take 3 to 32 lower-case letters, digits or hyphens, "
        "starting with a letter and ending with a letter or a digit."
    )


class ReservedSlug(InvalidSlug):
    code = "reserved_slug"
    message = gettext_lazy("The address “%(slug)s” is reserved: choose another one.")


class SlugTaken(TenancyError):
    code = "slug_taken"
    message = gettext_lazy("The address “%(slug)s” is already taken: choose another one.")


class InvalidHost(TenancyError):
    code = "invalid_host"
    message = gettext_lazy(
        "“%(host)s” is not a host name: give a name such as campus.school.example, without "
        "http:// and without a port."
    )


class HostTaken(TenancyError):
    code = "host_taken"
    message = gettext_lazy("The host “%(host)s” already belongs to a space: choose another one.")


class InvalidTenant(TenancyError):
    code = "invalid_tenant"
    message = gettext_lazy("The space cannot be created with these values.")


class ProvisioningFailed(TenancyError):
    code = "provisioning_failed"
    message = gettext_lazy(
        "The space “%(slug)s” could not be created (%(reason)s). Nothing was kept: try again."
    )


class ProvisioningBusy(TenancyError):
    code = "provisioning_busy"
    message = gettext_lazy("The space “%(slug)s” is already being created: wait for it to end.")


class WrongStatus(TenancyError):
    code = "wrong_status"
    message = gettext_lazy("The space “%(slug)s” is %(status)s: this cannot be done now.")


class DomainNotVerified(TenancyError):
    code = "domain_not_verified"
    message = gettext_lazy(
        "The host “%(host)s” does not lead here yet (%(reason)s). Point it at the platform, wait "
        "for the change to spread and try again."
    )


class UnknownObject(TenancyError):
    """The template holds something that the builder cannot copy."""

    code = "unknown_object"
    message = gettext_lazy("The schema %(schema)s holds what cannot be copied: %(what)s.")


class TemplateNotEmpty(TenancyError):
    code = "template_not_empty"
    message = gettext_lazy("The template must not hold rows in: %(tables)s.")


class NotReady(TenancyError):
    """The database is missing, too old or not prepared."""

    code = "database_not_ready"
    message = gettext_lazy("The database is not ready: run “manage.py migrate” first.")


class MigratorBusy(TenancyError):
    code = "migrator_busy"
    message = gettext_lazy("Another migration is running (%(holder)s): wait for it to end.")


class MigrationFailed(TenancyError):
    code = "migration_failed"
    message = gettext_lazy("The migration stopped: %(reason)s")


class ArchiveError(TenancyError):
    code = "archive_invalid"
    message = gettext_lazy("The archive cannot be used: %(reason)s. Nothing was changed.")


class PublicWriteRefused(RuntimeError):
    """A shared model was written outside ``public_write``: an error of the program."""


def status_label(status: str) -> str:
    """Return the status of a space in the reader's language, in lower case."""
    from tenants.models import Tenant

    try:
        return str(Tenant.Status(status).label).lower()
    except ValueError:
        return _("unknown")
