"""Reading an archive back: always into a new schema, switched to when everything is right."""

from __future__ import annotations

import json
import secrets
import shutil
import uuid as uuids
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import connection, transaction
from django.utils import timezone

from tenants import lifecycle, registry, slugs, storage, template
from tenants.archive import form, shared
from tenants.archive.export import schema_rows
from tenants.context import public, public_write, use
from tenants.db.base import quoted, wrapper
from tenants.errors import ArchiveError, HostTaken, SlugTaken
from tenants.migrator.run import bring_forward
from tenants.models import Domain, SchemaState, Tenant
from tenants.registry import TenantInfo

Report = Callable[[str], None]

# Emptied in a copy beside the original: it holds the same people and must act for none of them.
EMPTIED_IN_COPY = (
    "sessions.Session",
    "usersessions.UserSession",
    "account.EmailConfirmation",
    "identity.Invitation",
    "identity.PasswordResetToken",
    "identity.ApiKey",
    "allauth_idp_oidc.Token",
    "allauth_idp_oidc.Client",
    "kernel.OutboxEvent",
    "kernel.Receipt",
)


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did. ``former_schema`` is kept until the operator drops it."""

    tenant: TenantInfo
    former_schema: str
    rows: int
    files: int


def _silent(_message: str) -> None:
    return None


def restore(
    path: Path,
    *,
    as_slug: str = "",
    host: str = "",
    replace: bool = False,
    report: Report = _silent,
) -> Restored:
    """Restore the archive at ``path``.

    Without ``as_slug`` the space of the archive itself comes back: re-created when it is gone,
    switched to the archive when ``replace`` says so. With ``as_slug`` a copy is made beside it,
    with its own uuid, suspended until the operator resumes it, and without sessions, invitations
    or pending events.

    Raises ``ArchiveError`` before any write when the archive is damaged, ``SlugTaken``,
    ``HostTaken``, ``InvalidSlug``. Any later failure removes what was written.
    """
    with form.Archive(path) as archive, public():
        report("Checking the archive.")
        archive.verify()
        target = _target(archive.manifest["tenant"], as_slug, replace)
        _check_host(target, host)
        report("Restoring the rows.")
        folder = storage.folder_of(target.uuid).with_name(f".{target.uuid}.{secrets.token_hex(4)}")
        try:
            _fill_schema(archive, target.schema_name)
            info = _info(target)
            bring_forward(info)
            if as_slug:
                _empty_for_copy(info)
            _extract(archive, folder)
            return _switch(archive, target, host, folder, copy=bool(as_slug))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            discard_schema(target.schema_name)
            raise


def _target(about: dict[str, Any], as_slug: str, replace: bool) -> Tenant:
    """Return the row to write, unsaved, with its new schema name."""
    if as_slug:
        slugs.check(as_slug)
        if Tenant.objects.filter(slug=as_slug).exists():
            raise SlugTaken(slug=as_slug)
        target = Tenant(uuid=uuids.uuid4(), slug=as_slug)
    else:
        known = Tenant.objects.filter(uuid=about["uuid"]).first()
        if known is not None and not replace:
            raise ArchiveError(
                "The space “%(slug)s” still exists: add --replace to bring it back to the"
                " archive, or --as to restore a copy beside it.",
                slug=known.slug,
            )
        if known is None and Tenant.objects.filter(slug=about["slug"]).exists():
            raise SlugTaken(slug=about["slug"])
        target = known or Tenant(uuid=uuids.UUID(about["uuid"]), slug=about["slug"])
    if target.pk is None:
        for name in ("name", "kind", "locale", "timezone", "theme", "email"):
            setattr(target, name, about[name])
        if target.kind == Tenant.Kind.HQ and as_slug:
            raise ArchiveError(reason="the operator's space cannot be copied")
    target.schema_name = slugs.schema_name(target.slug, secrets.token_hex(3))
    return target


def _check_host(target: Tenant, host: str) -> None:
    if target.pk is not None:
        return
    name = slugs.canonical_host(host or slugs.default_host(target.slug))
    if Domain.objects.filter(domain=name).exists():
        raise HostTaken(host=name)


def _info(target: Tenant) -> TenantInfo:
    return TenantInfo(
        pk=target.pk or 0,
        uuid=target.uuid,
        schema_name=target.schema_name,
        slug=target.slug,
        name=target.name,
        kind=str(target.kind),
        status="maintenance",
        locale=target.locale,
        timezone=target.timezone,
    )


def _fill_schema(archive: form.Archive, schema: str) -> None:
    """Create ``schema`` with the archive's own tables and rows, in one transaction."""
    sections = form.schema_sections(archive.read(form.SCHEMA).decode())
    manifest = archive.manifest
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {quoted(schema)}")
        template.replay(schema, sections["tables"])
        _content_types(manifest["content_types"])
        for table, facts in manifest["tables"].items():
            _copy_in(archive, schema, table, facts)
        with wrapper().pinned(schema), connection.cursor() as cursor:
            for name, (last, called) in manifest["sequences"].items():
                cursor.execute("SELECT pg_catalog.setval(%s, %s, %s)", [quoted(name), last, called])
        for section in ("constraints", "indexes", "keys", "crossing_keys"):
            template.replay(schema, sections[section])
        counted = schema_rows(schema)
        expected = {name: facts["rows"] for name, facts in manifest["tables"].items()}
        if counted != expected:
            raise ArchiveError(reason="the number of rows differs from the manifest")


def _content_types(rows: list[list[Any]]) -> None:
    """Make sure the content types of the archive exist here under the same ids."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO public.django_content_type (id, app_label, model) VALUES (%s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            rows,
        )
        cursor.execute("SELECT id, app_label, model FROM public.django_content_type")
        known = set(cursor.fetchall())
    if wrong := [row for row in rows if tuple(row) not in known]:
        raise ArchiveError(reason=f"the content type {wrong[0][1]}.{wrong[0][2]} has another id")


def _copy_in(archive: form.Archive, schema: str, table: str, facts: dict[str, Any]) -> None:
    names = ", ".join(quoted(name) for name in facts["columns"])
    statement = f"COPY {quoted(schema)}.{quoted(table)} ({names}) FROM STDIN"
    with (
        connection.cursor() as cursor,
        archive.open(f"{form.DATA}{table}.copy") as member,
        cursor.copy(statement) as rows,
    ):
        for block in form.blocks(member):
            rows.write(block)


def _empty_for_copy(info: TenantInfo) -> None:
    with use(info), transaction.atomic():
        for label in EMPTIED_IN_COPY:
            try:
                model = apps.get_model(label)
            except LookupError:
                continue
            model._default_manager.all().delete()


def _extract(archive: form.Archive, folder: Path) -> None:
    for name in archive.manifest["files"]:
        path = folder / form.safe_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(f"{form.FILES}{name}") as member, path.open("wb") as target:
            shutil.copyfileobj(member, target, form.BLOCK)


def _switch(
    archive: form.Archive, target: Tenant, host: str, folder: Path, *, copy: bool
) -> Restored:
    """Point the registry at the new schema and put the files in place."""
    manifest = archive.manifest
    rows = json.loads(archive.read(form.PUBLIC))
    final = storage.folder_of(target.uuid)
    with public_write("restore"), transaction.atomic():
        known = Tenant.objects.select_for_update().filter(pk=target.pk).first()
        former = known.schema_name if known else ""
        target.status = Tenant.Status.SUSPENDED if copy else Tenant.Status.ACTIVE
        target.status_reason = "restored copy: resume it to confirm" if copy else ""
        target.activated_at = timezone.now()
        target.delete_after = None
        target.save()
        hosts = rows.pop("tenants.domain", [])
        if known is None:
            free = [] if copy else _free_domains(hosts)
            if free:
                rows["tenants.domain"] = free
            else:
                _default_domain(target, host)
        # The hosts of a space that still exists are those of today.
        kept = frozenset() if "tenants.domain" in rows else frozenset({"tenants.domain"})
        shared.write(target.pk, rows, copy=copy, kept=kept)
        registry.bump_epoch()
        _place_files(folder, final)
    info = registry.by_pk(target.pk)
    if info is None:
        raise ArchiveError(reason="the restored space is not in the registry")
    return Restored(
        tenant=info,
        former_schema=former,
        rows=sum(facts["rows"] for facts in manifest["tables"].values()),
        files=len(manifest["files"]),
    )


def _free_domains(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the archived hosts that nobody took since, the primary one being needed."""
    taken = set(
        Domain.objects.filter(domain__in=[row["domain"] for row in rows]).values_list(
            "domain", flat=True
        )
    )
    free = [row for row in rows if row["domain"] not in taken]
    return free if any(str(row["is_primary"]) == "True" for row in free) else []


def _default_domain(target: Tenant, host: str) -> None:
    Domain.objects.create(
        tenant=target,
        domain=host or slugs.default_host(target.slug),
        is_primary=True,
        verified_at=timezone.now(),
    )


def _place_files(folder: Path, final: Path) -> None:
    """Swap the folders; the former files stay beside until the former schema is dropped."""
    if final.exists():
        final.rename(final.with_name(f".{final.name}.former.{secrets.token_hex(4)}"))
    if folder.exists():
        folder.rename(final)


def discard_schema(schema: str) -> bool:
    """Drop a schema that no space uses; return whether it was there."""
    with public():
        if Tenant.objects.filter(schema_name=schema).exists():
            raise ArchiveError("The schema “%(schema)s” is in use.", schema=schema)
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regnamespace(%s) IS NOT NULL", [quoted(schema)])
            there = bool(cursor.fetchone()[0])
        if there:
            lifecycle.drop_crossing_keys(schema)
            with connection.cursor() as cursor:
                cursor.execute(f"DROP SCHEMA {quoted(schema)} CASCADE")
        with public_write("restore"):
            SchemaState.objects.filter(schema_name=schema).delete()
        return there
