"""What can be sold: features declared by the core and by the manifests of modules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tremplin.api.manifest import Text

Kind = Literal["switch", "config", "limit", "metered", "seat"]
# How the values of several sources (plan, grant, trial) make one.
COMBINE: dict[Kind, str] = {
    "switch": "any",
    "config": "priority",
    "limit": "max",
    "metered": "sum",
    "seat": "sum",
}


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature: ``key`` is prefixed by its module, ``default`` holds without any plan."""

    key: str
    kind: Kind
    label: Text
    unit: Text | None = None
    default: Any = None
    module: str = ""


def _core(key: str, kind: Kind, en: str, fr: str, *, default: Any = None) -> Feature:
    return Feature(key, kind, Text(en=en, fr=fr), default=default)


# In the order in which people compare plans.
CORE: tuple[Feature, ...] = (
    _core("people.seats", "seat", "Learners", "Apprenants", default=0),
    _core("interview.sessions", "metered", "Interview sessions", "Sessions d’entretien", default=0),
    _core("interview.personas", "limit", "Personas", "Personas", default=1),
    _core("interview.full_report", "switch", "Full report", "Rapport complet", default=False),
    _core("report.pdf", "switch", "PDF reports", "Rapports PDF", default=False),
    _core("sso.enabled", "switch", "Single sign-on", "Connexion unique", default=False),
    _core("scim.enabled", "switch", "Directory (SCIM)", "Annuaire (SCIM)", default=False),
    _core("roles.custom", "switch", "Custom roles", "Rôles sur mesure", default=False),
    _core("domains.custom", "switch", "Own domain", "Domaine personnel", default=False),
    _core("api.access", "switch", "API", "API", default=False),
    _core("storage.gb", "limit", "Storage (GB)", "Stockage (Go)", default=1),
    _core("ai.tokens", "metered", "AI tokens", "Jetons d’IA", default=0),
    _core("api.rate_per_min", "limit", "API calls a minute", "Appels d’API par minute", default=60),
)


def declared() -> dict[str, Feature]:
    """Return every feature by its key: those of the core, then those of installed modules."""
    from tremplin.kernel import registry

    found = {feature.key: feature for feature in CORE}
    for entry in registry.plugins():
        if entry.manifest is None:
            continue
        for item in entry.manifest.features:
            key = f"{entry.slug}.{item.code}"
            found[key] = Feature(key, item.kind, item.label, item.unit, item.default, entry.slug)
    return found
