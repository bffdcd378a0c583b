"""Hosts and spaces as immutable values, cached per process; the only reader on the hot path.

A change anywhere advances the sequence ``tenants_epoch`` on commit. Each process reads it at most
every two seconds and drops its cache when it moved; a lost change is repaired after a minute.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.http.request import split_domain_port

from tenants.branding import look
from tenants.models import TEMPLATE_SCHEMA, Branding, BrandPreset, Domain, SchemaState, Tenant
from tremplin.kernel.current import current_tenant

POSITIVE_SECONDS = 60.0
NEGATIVE_SECONDS = 5.0
EPOCH_SECONDS = 2.0
LARGEST = 10_000


@dataclass(frozen=True, slots=True)
class BrandInfo:
    """The look of a space as pages need it: hex colours, addresses and names, no query."""

    short_name: str = ""
    primary: str = "#1e40af"
    primary_foreground: str = "#ffffff"
    logo_url: str = ""
    mail_logo_path: str = ""
    css_hash: str = ""
    pack: str = ""
    sidebar: str = "light"
    version: int = 0


@dataclass(frozen=True, slots=True)
class TenantInfo:
    """A space as a value: never a model instance, so no lazy query and no shared state."""

    pk: int
    uuid: UUID
    schema_name: str
    slug: str
    name: str
    kind: str
    status: str
    locale: str = "fr"
    timezone: str = "Europe/Paris"
    theme: str = "base"
    primary_host: str = ""
    hosts: tuple[str, ...] = ()
    reseller_pk: int | None = None
    canary: bool = False
    brand: BrandInfo = field(default_factory=BrandInfo)
    entitlement_version: int = 1
    email: str = ""
    ready: bool = True

    @property
    def id(self) -> int:
        """The integer key, under the name that templates and signals expect."""
        return self.pk


TEMPLATE = TenantInfo(
    pk=0,
    uuid=UUID(int=0),
    schema_name=TEMPLATE_SCHEMA,
    slug="",
    name="template",
    kind="template",
    status="active",
    locale="en",
    timezone="UTC",
)


class _Cache:
    """LRU of lookups; a value of None is a remembered absence."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.entries: OrderedDict[tuple[str, Any], tuple[float, int, TenantInfo | None]]
        self.entries = OrderedDict()
        self.epoch = -1
        self.generation = 0
        self.read_at = -EPOCH_SECONDS

    def clear(self) -> None:
        with self.lock:
            self.entries.clear()
            self.generation += 1

    def get(self, key: tuple[str, Any]) -> tuple[bool, TenantInfo | None]:
        with self.lock:
            entry = self.entries.get(key)
            if entry is None or entry[0] < time.monotonic() or entry[1] != self.generation:
                return False, None
            self.entries.move_to_end(key)
            return True, entry[2]

    def put(self, keys: Iterable[tuple[str, Any]], info: TenantInfo | None, seen: int) -> None:
        """Remember ``info``, unless the cache was dropped since generation ``seen``."""
        life = POSITIVE_SECONDS if info else NEGATIVE_SECONDS
        with self.lock:
            if seen != self.generation:
                return
            for key in keys:
                self.entries[key] = (time.monotonic() + life, self.generation, info)
                self.entries.move_to_end(key)
            while len(self.entries) > LARGEST:
                self.entries.popitem(last=False)


_cache = _Cache()


# --- freshness ----------------------------------------------------------------------------------


def epoch() -> int:
    """Return the current epoch, read from the database at most every two seconds."""
    now = time.monotonic()
    if now - _cache.read_at < EPOCH_SECONDS:
        return _cache.epoch
    _cache.read_at = now
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value FROM public.tenants_epoch")
        value = int(cursor.fetchone()[0])
    if value != _cache.epoch:
        _cache.epoch = value
        _cache.clear()
    return value


def invalidate() -> None:
    """Forget everything this process remembers."""
    _cache.read_at = -EPOCH_SECONDS
    _cache.clear()


def _advance() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('public.tenants_epoch')")
    invalidate()


def bump_epoch() -> None:
    """Tell every process, on commit, that registry or activation data changed.

    This process sees its own change at once, inside the transaction too.
    """
    invalidate()
    transaction.on_commit(_advance)


# --- lookups ------------------------------------------------------------------------------------


def normal_host(host: str) -> str:
    """Return a Host header without port, in lower case, punycode, without trailing dot."""
    name = split_domain_port(host)[0] or ""
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            return ""
    return name


def by_host(host: str) -> TenantInfo | None:
    """Return the space served at ``host`` (a Host header, port allowed), or None."""
    name = normal_host(host)
    return _find("host", name) if name else None


def by_uuid(tenant: UUID | str) -> TenantInfo | None:
    """Return the space with this public identifier, or None."""
    try:
        key = tenant if isinstance(tenant, UUID) else UUID(str(tenant))
    except ValueError:
        return None
    return _find("uuid", key)


def by_pk(pk: int) -> TenantInfo | None:
    """Return the space with this internal key, or None."""
    return _find("pk", pk)


def by_slug(slug: str) -> TenantInfo | None:
    """Return the space with this address, or None."""
    return _find("slug", slug)


def by_schema(schema_name: str) -> TenantInfo | None:
    """Return the space that owns ``schema_name``, or None."""
    return _find("schema", schema_name)


def hq() -> TenantInfo | None:
    """Return the operator's own space, or None before set-up."""
    return _find("kind", "hq")


_FILTERS = {
    "uuid": "uuid",
    "pk": "pk",
    "slug": "slug",
    "schema": "schema_name",
    "kind": "kind",
}


def _find(by: str, value: Any) -> TenantInfo | None:
    epoch()
    known, info = _cache.get((by, value))
    if known:
        return info
    seen = _cache.generation
    if by == "host":
        rows = Tenant.objects.filter(
            pk__in=Domain.objects.filter(domain=value, verified_at__isnull=False).values("tenant")
        )
    else:
        rows = Tenant.objects.filter(**{_FILTERS[by]: value})
    found = load(rows[:1])
    info = found[0] if found else None
    _cache.put([(by, value)] if info is None else [(by, value), *_keys(info)], info, seen)
    return info


def _keys(info: TenantInfo) -> list[tuple[str, Any]]:
    return [
        ("uuid", info.uuid),
        ("pk", info.pk),
        ("slug", info.slug),
        ("schema", info.schema_name),
        *(("host", host) for host in info.hosts),
    ]


def active() -> list[TenantInfo]:
    """Return the spaces that are served, ordered by key."""
    return load(Tenant.objects.filter(status=Tenant.Status.ACTIVE).order_by("pk"))


def all_tenants() -> list[TenantInfo]:
    """Return every space, whatever its status, ordered by key."""
    return load(Tenant.objects.order_by("pk"))


def load(rows: Iterable[Tenant]) -> list[TenantInfo]:
    """Return ``rows`` as values, with three more queries however many they are.

    One more reads the presets when some of them have a reseller.
    """
    tenants = list(rows)
    if not tenants:
        return []
    keys = [tenant.pk for tenant in tenants]
    hosts: dict[int, list[str]] = {}
    primary: dict[int, str] = {}
    for domain in Domain.objects.filter(tenant__in=keys, verified_at__isnull=False).order_by("pk"):
        hosts.setdefault(domain.tenant_id, []).append(domain.domain)
        if domain.is_primary:
            primary[domain.tenant_id] = domain.domain
    brands = {
        brand.tenant_id: brand
        for brand in Branding.objects.filter(tenant__in=keys, state=Branding.State.PUBLISHED).defer(
            "tokens_css"
        )
    }
    presets = look.presets_of(tenant.reseller_id for tenant in tenants if tenant.reseller_id)
    schemas = [tenant.schema_name for tenant in tenants]
    states = {
        state.schema_name: state
        for state in SchemaState.objects.filter(schema_name__in=[*schemas, TEMPLATE_SCHEMA]).only(
            "schema_name", "status", "fingerprint", "previous_fingerprint"
        )
    }
    accepted = _accepted(states.get(TEMPLATE_SCHEMA))
    return [
        TenantInfo(
            pk=tenant.pk,
            uuid=tenant.uuid,
            schema_name=tenant.schema_name,
            slug=tenant.slug,
            name=tenant.name,
            kind=str(tenant.kind),
            status=str(tenant.status),
            locale=tenant.locale,
            timezone=tenant.timezone,
            theme=tenant.theme,
            primary_host=primary.get(tenant.pk, ""),
            hosts=tuple(hosts.get(tenant.pk, ())),
            reseller_pk=tenant.reseller_id,
            canary=tenant.canary,
            brand=_brand(tenant, brands.get(tenant.pk), presets.get(tenant.reseller_id or 0)),
            entitlement_version=tenant.entitlement_version,
            email=tenant.email,
            ready=_servable(states.get(tenant.schema_name), accepted),
        )
        for tenant in tenants
    ]


def _accepted(template: SchemaState | None) -> frozenset[str]:
    """Return the fingerprints that this release serves: its own and the one before."""
    if template is None:
        return frozenset()
    return frozenset({template.fingerprint, template.previous_fingerprint} - {""})


def _servable(state: SchemaState | None, accepted: frozenset[str]) -> bool:
    return state is not None and state.fingerprint in accepted


def _brand(tenant: Tenant, row: Branding | None, preset: BrandPreset | None) -> BrandInfo:
    if row is None and preset is None:
        return BrandInfo(short_name=tenant.name)
    values = {**row.inputs, **row.derived} if row is not None else {}
    css_hash = row.css_hash if row is not None else ""
    if preset is not None:
        derived = look.tokens_of(look.merged(row.inputs if row is not None else {}, preset).brand())
        css_hash = derived.css_hash
        values |= {
            "primary": derived.primary,
            "primary_foreground": derived.primary_foreground,
        }
        if look.takes_logo(row.logo_file if row is not None else "", preset):
            values |= {
                "logo_url": look.file_url(preset.logo_file),
                "mail_logo_path": preset.mail_logo_file,
            }
    default = BrandInfo(short_name=tenant.name)
    chosen = {
        name: str(values.get(name) or getattr(default, name))
        for name in (
            "short_name",
            "primary",
            "primary_foreground",
            "logo_url",
            "mail_logo_path",
            "pack",
            "sidebar",
        )
    }
    return BrandInfo(**chosen, css_hash=css_hash, version=row.number if row is not None else 0)


def absolute_url(tenant: Any, path: str) -> str:
    """Return the address of ``path`` on the primary host of ``tenant``."""
    port = settings.PUBLIC_PORT
    default = 443 if settings.PUBLIC_SCHEME == "https" else 80
    tail = f":{port}" if port and port != default else ""
    return f"{settings.PUBLIC_SCHEME}://{tenant.primary_host}{tail}{path}"


def current() -> TenantInfo | None:
    """Return the current tenant as the full value, or None outside any."""
    tenant = current_tenant.get()
    return tenant if isinstance(tenant, TenantInfo) else None
