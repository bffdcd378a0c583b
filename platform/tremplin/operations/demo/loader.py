"""Build the demo world: spaces, people, brands, modules, then what each module seeds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone

from tenants import provisioning, registry, steps
from tenants.branding import services as branding
from tenants.branding.logo import store
from tenants.context import public_write, use
from tenants.models import Domain
from tenants.registry import TenantInfo
from tremplin.api import hookspecs, services
from tremplin.api.services import Accommodation
from tremplin.identity import mfa
from tremplin.identity import services as people
from tremplin.identity.models import User
from tremplin.kernel import clock, gate
from tremplin.kernel import registry as plugins
from tremplin.kernel.dispatch import dispatcher
from tremplin.kernel.state.models import SettingValue
from tremplin.licensing import services as licensing
from tremplin.licensing.errors import TrialUsed
from tremplin.operations.demo import logos, world
from tremplin.operations.demo.idp import services as idp
from tremplin.operations.demo.world import DemoPerson
from tremplin.operations.reseller import clients_demo as reseller_demo
from tremplin.profiles.services import set_accommodation

Report = Callable[[str], None]
AWA = Accommodation(extra_time_numerator=1, extra_time_denominator=3, no_audio=True)
MARKER = {"level": "platform", "owner": 0, "module": "operations", "key": "demo_loaded"}
# Blocks of the file whose module is not part of the product yet, and how people call them.
LATER_BLOCKS = {
    "personas": ("interview", "interview personas"),
    "scenarios": ("interview", "interview scenarios"),
    "offers": ("matching", "job offers"),
    "cvs": ("cv", "CVs"),
    "posts": ("community", "community posts"),
    "events": ("live", "live events"),
    "portfolios": ("portfolio", "portfolios"),
    "webhooks": ("webhooks", "webhooks"),
}


@dataclass(frozen=True, slots=True)
class Address:
    """One line of the table printed at the end."""

    space: str
    url: str
    person: str
    email: str
    password: str
    role: str


@dataclass(slots=True)
class DemoSummary:
    """Where to sign in, and what the file holds that no module shows yet."""

    addresses: list[Address] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def prepare(reset: bool, report: Report) -> DemoSummary:
    """Load the demo world when it is not there yet and describe it; safe to call again.

    ``reset`` says that the database was just emptied, so the clock starts again.
    """
    data = world.load()
    if not SettingValue.objects.filter(**MARKER, value=data["meta"]["version"]).exists():
        _load(data, report)
    _connect_sso(data)
    return _summary(data)


def _connect_sso(data: dict[str, Any]) -> None:
    """Serve the demo's identity provider and connect the spaces that use it."""
    hq = registry.by_host(data["platform"]["host"])
    if hq is not None:
        idp.serve_host(hq)
    for space in data["tenants"]:
        tenant = registry.by_slug(space["key"])
        if tenant is not None and space.get("sso"):
            idp.connect(tenant, space["sso"])


def _load(data: dict[str, Any], report: Report) -> None:
    clock.set_offset(int((world.starts_at() - timezone.now()).total_seconds()))
    _hash_once()
    report("the operator's space")
    _load_hq(data)
    reseller = _load_reseller(data, report)
    for space in data["tenants"]:
        report(space["name"])
        _load_space(space, reseller if space.get("reseller") else None, data)
    _run_steps(data, report)
    with public_write("demo marker"):
        SettingValue.objects.update_or_create(
            **MARKER, defaults={"value": data["meta"]["version"], "locked": False}
        )


def _run_steps(data: dict[str, Any], report: Report) -> None:
    """Let each application add its part to every space of the file."""
    keys = [data["reseller"]["key"], *(space["key"] for space in data["tenants"])]
    for step in steps.demo_steps():
        report(step.name)
        for key in keys:
            tenant = registry.by_slug(key)
            if tenant is not None:
                with use(tenant):
                    step.run(tenant, data, key)


def _hash_once() -> str:
    global _password_hash
    if not _password_hash:
        _password_hash = make_password(world.password())
    return _password_hash


_password_hash = ""


def _space(
    slug: str, name: str, kind: str, email: str, host: str, locale: str, **extra: Any
) -> TenantInfo:
    found = registry.by_slug(slug)
    if found is not None and found.status == "active":
        return found
    return provisioning.create(
        provisioning.NewTenant(
            name=name, slug=slug, kind=kind, email=email, host=host, locale=locale, **extra
        )
    )


def _owner(person: DemoPerson) -> dict[str, Any]:
    return {
        "owner": {
            "email": person.email,
            "password_hash": _hash_once(),
            "first_name": person.first_name,
            "last_name": person.last_name,
        }
    }


def _ensure(person: DemoPerson, locale: str) -> User:
    found = User.objects.filter(email=person.email).first()
    if found is None:
        found = people.create_person(
            email=person.email,
            first_name=person.first_name,
            last_name=person.last_name,
            roles=[person.role],
            locale=locale,
            password_hash=_hash_once(),
        )
    if person.cohort:
        people.add_to_cohort(found, people.ensure_cohort(person.cohort))
    return found


def _load_hq(data: dict[str, Any]) -> None:
    block = data["platform"]
    staff = [world.named(entry, []) for entry in block["staff"]]
    tenant = registry.by_host(block["host"])
    if tenant is None:
        tenant = provisioning.create(
            provisioning.NewTenant(
                name="Tremplin",
                slug="hq",
                kind="hq",
                email=staff[0].email,
                host=block["host"],
                options=_owner(staff[0]),
            )
        )
    with public_write("demo domains"):
        Domain.objects.get_or_create(
            domain="127.0.0.1", defaults={"tenant_id": tenant.pk, "is_primary": False}
        )
        registry.bump_epoch()
    with use(tenant), transaction.atomic():
        for person in staff:
            user = _ensure(person, "fr")
            people.set_roles(user, {"admin", person.role})
            if person.totp:
                mfa.enrol_totp(user, world.DEMO_TOTP_SECRET)


def _load_reseller(data: dict[str, Any], report: Report) -> TenantInfo:
    block = data["reseller"]
    report(block["name"])
    first, _, last = block["owner"]["name"].partition(" ")
    owner = DemoPerson(first, last, block["owner"]["email"], "reseller_owner")
    tenant = _space(
        block["key"],
        block["name"],
        "reseller",
        owner.email,
        block["host"],
        "fr",
        options=_owner(owner),
    )
    with use(tenant), transaction.atomic():
        people.set_roles(_ensure(owner, "fr"), {"admin", "reseller_owner"})
        mfa.enrol_totp(User.objects.get(email=owner.email), world.DEMO_TOTP_SECRET)
    _brand(tenant, block["brand"], block["name"])
    reseller_demo.publish_preset(tenant, data)
    return tenant


def _load_space(space: dict[str, Any], reseller: TenantInfo | None, data: dict[str, Any]) -> None:
    cohorts = space.get("cohorts", [])
    named = [world.named(entry, cohorts) for entry in space["users"]]
    tenant = _space(
        space["key"],
        space["name"],
        space["kind"],
        named[0].email,
        space["host"],
        space["locale"],
        reseller_pk=reseller.pk if reseller else None,
        options={**_owner(named[0]), "plan": space["plan"]},
    )
    if space.get("custom_domain"):
        with public_write("demo domains"):
            Domain.objects.get_or_create(
                domain=space["custom_domain"],
                defaults={
                    "tenant_id": tenant.pk,
                    "is_primary": False,
                    "kind": Domain.Kind.CUSTOM,
                    "verified_at": timezone.now(),
                },
            )
            registry.bump_epoch()
    with use(tenant), transaction.atomic():
        for person in [*named, *world.generated(space)]:
            _ensure(person, space["locale"])
        awa = User.objects.filter(email__startswith="awa@").first()
        if awa is not None:
            set_accommodation(awa.pk, AWA)
    _brand(tenant, space["brand"], space["name"])
    _modules(registry.by_pk(tenant.pk) or tenant, space["modules"])


def _brand(tenant: TenantInfo, block: dict[str, Any], name: str) -> None:
    if tenant.brand.version > 0:
        return
    inputs = branding.Inputs(
        primary=block["primary"],
        accent=block["accent"],
        short_name=block.get("short_name", ""),
    )
    with use(tenant):
        logo = store(logos.png(block.get("short_name") or name, block["primary"]))
        branding.publish(tenant, inputs, author=None, logo=logo)


def _modules(tenant: TenantInfo, wanted: dict[str, str]) -> None:
    installed = {entry.slug for entry in plugins.installed()}
    for slug, state in wanted.items():
        if slug not in installed:
            continue
        with use(tenant):
            if state.startswith("trial:"):
                _try(tenant, slug, int(state.removeprefix("trial:").rstrip("d")))
            else:
                gate.set_licence(tenant, slug, "on", reason="demo")
            gate.activate(tenant, slug)
            ctx = services.contexts().current()
            dispatcher.call_one(hookspecs.activated, slug, ctx=ctx, first_time=True)
            dispatcher.call_one(hookspecs.seed_demo, slug, ctx=ctx, seed=world.seed())


def _try(tenant: TenantInfo, slug: str, days: int) -> None:
    """Start a trial of a module, unless the space had it before."""
    with suppress(TrialUsed):
        licensing.start_trial(tenant, slug, days=days)


def _summary(data: dict[str, Any]) -> DemoSummary:
    summary = DemoSummary()
    port = settings.PUBLIC_PORT

    def line(host: str, space: str, person: DemoPerson) -> None:
        tail = f":{port}" if port else ""
        summary.addresses.append(
            Address(
                space,
                f"http://{host}{tail}/",
                f"{person.first_name} {person.last_name}",
                person.email,
                world.password(),
                person.role,
            )
        )

    for entry in data["platform"]["staff"]:
        line(data["platform"]["host"], "Tremplin", world.named(entry, []))
    block = data["reseller"]
    first, _, last = block["owner"]["name"].partition(" ")
    line(
        block["host"],
        block["name"],
        DemoPerson(first, last, block["owner"]["email"], "reseller_owner"),
    )
    for space in data["tenants"]:
        for entry in space["users"]:
            line(space["host"], space["name"], world.named(entry, space.get("cohorts", [])))
    summary.skipped = _skipped(data)
    return summary


def _skipped(data: dict[str, Any]) -> list[str]:
    installed = {entry.slug for entry in plugins.installed()}
    missing = [
        f"{label} ({len(data[block])})"
        for block, (slug, label) in LATER_BLOCKS.items()
        if slug not in installed and data.get(block)
    ]
    modules = sorted({slug for space in data["tenants"] for slug in space["modules"]} - installed)
    if modules:
        missing.insert(0, f"modules {', '.join(modules)}")
    candidates = sum(space.get("candidates", 0) for space in data["tenants"])
    if candidates and "matching" not in installed:
        missing.append(f"candidates shared by consent ({candidates})")
    return missing
