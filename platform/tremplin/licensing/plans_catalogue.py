"""The plans of the platform as data, and what brings the tables up to date with them.

A version that was sold is frozen: a change here makes a new version, for new sales only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from tremplin.api import services
from tremplin.kernel import clock
from tremplin.licensing.models import Plan, PlanEntitlement, PlanItem, PlanVersion


@dataclass(frozen=True, slots=True)
class Amount:
    """The value of a feature in a plan; None is unlimited. Other fields as in the table."""

    value: Any
    reset: str = "none"
    scope: str = "tenant"
    overage: str = "deny"
    overage_percent: int = 0
    overage_unit_minor: int | None = None
    overage_cap_minor: int | None = None
    overage_currency: str = "EUR"


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """One plan: its names, the modules that come with it, the value of each feature."""

    key: str
    name_en: str
    name_fr: str
    summary_en: str
    summary_fr: str
    modules: tuple[str, ...] = ()
    features: dict[str, Amount] = field(default_factory=dict)
    module: str = ""
    trial_days: int = 14


def _plan(
    key: str,
    names: tuple[str, str],
    summaries: tuple[str, str],
    modules: str,
    *,
    seats: int,
    sessions: int | None,
    personas: int | None,
    switches: str,
    storage: int,
    tokens: int,
    calls: int,
) -> PlanFacts:
    """Return a plan of the whole space; ``switches`` names the features that are on."""
    features = {
        "people.seats": Amount(seats),
        "interview.sessions": Amount(sessions, reset="month", scope="user"),
        "interview.personas": Amount(personas),
        "storage.gb": Amount(storage),
        "ai.tokens": Amount(tokens, reset="month"),
        "api.rate_per_min": Amount(calls),
        **{name: Amount(True) for name in switches.split()},
    }
    return PlanFacts(
        key, names[0], names[1], summaries[0], summaries[1], tuple(modules.split()), features
    )


_EVERYTHING = (
    "api.access sso.enabled scim.enabled roles.custom domains.custom report.pdf "
    "interview.full_report"
)
PLANS: tuple[PlanFacts, ...] = (
    _plan(
        "gratuit",
        ("Free", "Gratuit"),
        ("To discover the platform with a small group.", "Pour découvrir avec un petit groupe."),
        "",
        seats=10, sessions=3, personas=1, switches="", storage=1, tokens=100_000, calls=60,
    ),
    _plan(
        "starter",
        ("Starter", "Starter"),
        ("A first class, with interviews.", "Une première classe, avec les entretiens."),
        "quiz cv interview",
        seats=25, sessions=30, personas=2, switches="", storage=5, tokens=1_000_000, calls=60,
    ),
    _plan(
        "ecole",
        ("School", "École"),
        (
            "A whole school: PDF reports, API and single sign-on.",
            "Une école entière : rapports PDF, API et connexion unique.",
        ),
        "quiz cv interview community live portfolio gamification",
        seats=100, sessions=30, personas=2,
        switches="api.access sso.enabled scim.enabled report.pdf domains.custom roles.custom",
        storage=50, tokens=10_000_000, calls=300,
    ),
    _plan(
        "pro",
        ("Pro", "Pro"),
        (
            "Unlimited interviews with full reports.",
            "Entretiens illimités et rapports complets.",
        ),
        "quiz cv interview community portfolio live",
        seats=50, sessions=None, personas=5,
        switches="api.access report.pdf interview.full_report domains.custom",
        storage=50, tokens=20_000_000, calls=300,
    ),
    _plan(
        "expert",
        ("Expert", "Expert"),
        (
            "Pro with single sign-on, more people and matching.",
            "Pro avec la connexion unique, plus de personnes et le matching.",
        ),
        "quiz cv interview community portfolio live gamification matching",
        seats=80, sessions=None, personas=5, switches=_EVERYTHING,
        storage=100, tokens=40_000_000, calls=600,
    ),
    _plan(
        "entreprise",
        ("Enterprise", "Entreprise"),
        (
            "For large organisations: everything, with your own personas.",
            "Pour les grandes organisations : tout, avec vos propres personas.",
        ),
        "quiz cv interview community portfolio live gamification matching",
        seats=250, sessions=None, personas=None, switches=_EVERYTHING,
        storage=500, tokens=100_000_000, calls=1_200,
    ),
)  # fmt: skip


def module_plan(slug: str) -> str:
    """Return the key of the plan of a module sold alone."""
    return f"module-{slug.replace('_', '-')}"


def module_plans() -> list[PlanFacts]:
    """Return one plan per installed module, sold beside the plan of the space."""
    from tremplin.kernel import registry

    found = []
    for entry in registry.installed():
        manifest = entry.manifest
        if manifest is None:
            continue
        found.append(
            PlanFacts(
                module_plan(entry.slug),
                manifest.name.en,
                manifest.name.fr,
                manifest.summary.en[:300],
                manifest.summary.fr[:300],
                features={
                    f"{entry.slug}.{feature.code}": Amount(True)
                    for feature in manifest.features
                    if feature.kind == "switch"
                },
                module=entry.slug,
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class Synced:
    """What a run changed: keys of new plans, and of plans that got a new version."""

    created: tuple[str, ...]
    renewed: tuple[str, ...]


def sync(plans: list[PlanFacts] | None = None) -> Synced:
    """Make the tables say what the catalogue says; running it again changes nothing.

    A draft version that nobody bought is not kept either: its successor is sold from now on, and
    whoever holds a former version keeps it. A plan that the operator changed is left alone. Two
    runs at once wait for each other.
    """
    wanted = [*PLANS, *module_plans()] if plans is None else plans
    created, renewed = [], []
    with transaction.atomic(), services.tenancy().public_write("plans"):
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE public.licensing_plan IN SHARE ROW EXCLUSIVE MODE")
        for position, facts in enumerate(wanted):
            plan, is_new = _named(facts, position)
            if plan.is_custom:
                continue
            latest = plan.versions.order_by("-number").first()
            if latest is not None and content_of(latest) == _content(facts):
                continue
            _new_version(plan, latest, facts)
            (created if is_new else renewed).append(facts.key)
    return Synced(tuple(created), tuple(renewed))


def _named(facts: PlanFacts, position: int) -> tuple[Plan, bool]:
    names = {
        "module": facts.module,
        "name_en": facts.name_en,
        "name_fr": facts.name_fr,
        "summary_en": facts.summary_en,
        "summary_fr": facts.summary_fr,
        "position": position,
    }
    plan, is_new = Plan.objects.get_or_create(key=facts.key, defaults=names)
    if plan.is_custom:
        return plan, False
    changed = [name for name, value in names.items() if getattr(plan, name) != value]
    if changed:
        for name in changed:
            setattr(plan, name, names[name])
        plan.save(update_fields=changed)
    return plan, is_new


def _content(facts: PlanFacts) -> tuple[Any, ...]:
    return (
        facts.trial_days,
        sorted(facts.modules),
        sorted(
            (key, item.scope, item.value, item.reset, *_beyond(item))
            for key, item in facts.features.items()
        ),
    )


def _beyond(item: Amount | PlanEntitlement) -> tuple[Any, ...]:
    """Return what happens beyond the amount; None sorts as nothing."""
    return (
        item.overage,
        item.overage_percent,
        item.overage_unit_minor or 0,
        item.overage_cap_minor or 0,
        item.overage_currency,
    )


def content_of(version: PlanVersion) -> tuple[Any, ...]:
    """Return what a stored version gives, to compare it with another."""
    return (
        version.trial_days,
        sorted(version.items.values_list("module", flat=True)),
        sorted(
            (item.feature, item.scope, item.value, item.reset, *_beyond(item))
            for item in version.entitlements.all()
        ),
    )


def _new_version(plan: Plan, former: PlanVersion | None, facts: PlanFacts) -> None:
    now = clock.now()
    version = PlanVersion.objects.create(
        plan=plan,
        number=former.number + 1 if former is not None else 1,
        sold_from=now,
        trial_days=facts.trial_days,
    )
    PlanItem.objects.bulk_create(
        PlanItem(version=version, module=module) for module in facts.modules
    )
    PlanEntitlement.objects.bulk_create(
        PlanEntitlement(
            version=version,
            feature=key,
            value=item.value,
            reset=item.reset,
            scope=item.scope,
            overage=item.overage,
            overage_percent=item.overage_percent,
            overage_unit_minor=item.overage_unit_minor,
            overage_cap_minor=item.overage_cap_minor,
            overage_currency=item.overage_currency,
        )
        for key, item in facts.features.items()
    )
    if former is not None:
        former.successor = version
        former.sold_until = now
        former.save(update_fields=["successor", "sold_until"])
