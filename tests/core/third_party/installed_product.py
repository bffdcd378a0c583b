"""What a product shows with the skill radar installed beside it.

``test_wheel.py`` runs it in a process of its own, under a name that pytest collects.
"""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import distribution
from typing import Any

from django.conf import settings

from tremplin.api import Evidence, services
from tremplin.kernel import registry
from tremplin.modules import condition
from tremplin.testing.contract.world import person, switch_on

SKILLS = ("safety", "reading-plans", "communication")


class Proofs:
    def __init__(self, real: Any) -> None:
        self.real = real

    def evidence(self, who: Any) -> list[Evidence]:
        at = datetime(2026, 3, 2, tzinfo=UTC)
        return [Evidence(skill, "quiz", "A quiz", 0.5, at) for skill in SKILLS]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def test_it_came_through_its_entry_point_and_signature() -> None:
    entry = registry.get("skill_radar")
    assert entry is not None
    assert (entry.status, entry.origin) == (
        "ok",
        "entry point tremplin_skill_radar.plugin:plugin",
    )
    assert settings.PLUGIN_TRUST.unsigned is False
    assert distribution("tremplin-skill-radar").version == "1.0.0"
    assert "tremplin_skill_radar" in settings.INSTALLED_APPS


def test_it_appears_where_it_is_on_and_nowhere_else(
    tenant_a: Any, tenant_b: Any, inside: Any, client_for: Any, fake_service: Any
) -> None:
    fake_service("profiles", Proofs(services.profiles()))
    with inside(tenant_a):
        switch_on(tenant_a, "skill_radar")
        learner = person("learner")
    with inside(tenant_b):
        stranger = person("learner")
    home = client_for(tenant_a, learner).get("/app/").content.decode()
    assert 'href="/app/skill_radar/"' in home
    assert "/app/skill_radar/card/" in home
    page = client_for(tenant_a, learner).get("/app/skill_radar/").content.decode()
    assert page.count('data-testid="skill_radar-chart"') == 1
    assert page.count('data-testid="skill_radar-skill"') == 3
    assert "Mes compétences" in page
    other = client_for(tenant_b, stranger)
    assert 'href="/app/skill_radar/"' not in other.get("/app/").content.decode()
    assert other.get("/app/skill_radar/").status_code == 404
    (row,) = [row for row in condition.of_all() if row.slug == "skill_radar"]
    assert [(use.slug, use.mode) for use in row.spaces] == [(tenant_a.slug, "on")]
