"""What the module itself promises, in two spaces, with evidence of another module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tremplin.api import Evidence, Problem, services
from tremplin.testing.contract.world import context_of, person, switch_on

SLUG = "skill_radar"
DAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


def proof(skill: str, strength: float, days: int = 0) -> Evidence:
    return Evidence(skill, "quiz", "A quiz", strength, DAY + timedelta(days=days))


class Proofs:
    """The service ``profiles`` with evidence by person, and everything else as it is."""

    def __init__(self, real: Any) -> None:
        self.real, self.known = real, {}

    def evidence(self, who: Any) -> list[Evidence]:
        return self.known.get(who, [])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


@pytest.fixture
def proofs(fake_service: Callable[[str, Any], Any]) -> Iterator[Proofs]:
    return fake_service("profiles", Proofs(services.profiles()))


@pytest.fixture
def learner(db: None, tenant_a: Any, inside: Any, proofs: Proofs) -> Any:
    """A learner with three skills, in a space where the module is on."""
    with inside(tenant_a):
        switch_on(tenant_a, SLUG)
        who = person("learner")
    proofs.known[who.pk] = [
        *(proof("reading-plans", 1.0, day) for day in range(5)),
        proof("reading-plans", 0.0, -400),
        proof("safety", 0.5),
        proof("communication", 0.8),
    ]
    return who


def test_a_level_is_the_average_of_the_latest_five_proofs(
    tenant_a: Any, learner: Any, inside: Any
) -> None:
    from tremplin_skill_radar.selectors import levels_of

    with inside(tenant_a):
        rows = [(row.skill, row.percent, row.proofs, row.target) for row in levels_of(learner.pk)]
    assert rows == [
        ("communication", 80, 1, None),
        ("reading-plans", 100, 6, None),
        ("safety", 50, 1, None),
    ]


def test_the_page_shows_the_chart_and_its_table(
    tenant_a: Any, learner: Any, client_for: Any
) -> None:
    page = client_for(tenant_a, learner).get(f"/app/{SLUG}/").content.decode()
    assert page.count('data-testid="skill_radar-chart"') == 1
    assert page.count('data-testid="skill_radar-skill"') == 3
    assert 'aria-label="Radar des compétences' in page
    assert "Reading plans" in page


def test_the_drawing_is_exact() -> None:
    from tremplin_skill_radar.drawing import radar
    from tremplin_skill_radar.selectors import Level

    levels = [Level("a", 100, 1, None, None), Level("b", 50, 1, None, 75)]
    assert radar(levels) is None
    drawn = radar([*levels, Level("c", 0, 0, None, None), Level("d", 100, 1, None, None)])
    assert drawn is not None
    assert drawn.shown == "240.0,60.0 300.0,180.0 240.0,180.0 120.0,180.0"
    assert drawn.wanted == "240.0,180.0 330.0,180.0 240.0,180.0 240.0,180.0"
    assert [axis.anchor for axis in drawn.axes] == ["middle", "start", "middle", "end"]
    assert radar(levels * 7) is None


def test_a_target_is_set_moved_and_removed(
    tenant_a: Any, learner: Any, client_for: Any, inside: Any
) -> None:
    from tremplin_skill_radar.models import Target

    client = client_for(tenant_a, learner)
    for level, kept in ((90, [("safety", 90)]), (40, [("safety", 40)]), (0, [])):
        answer = client.post(f"/app/{SLUG}/target/", {"skill": "safety", "level": level})
        assert (answer.status_code, answer["Location"]) == (302, f"/app/{SLUG}/")
        with inside(tenant_a):
            assert list(Target.objects.values_list("skill", "level")) == kept


def test_bad_targets_are_refused(tenant_a: Any, learner: Any, client_for: Any, inside: Any) -> None:
    from tremplin_skill_radar.models import Target
    from tremplin_skill_radar.services import set_target

    client = client_for(tenant_a, learner)
    for data in ({"skill": "safety", "level": 101}, {"skill": "cooking", "level": 10}, {}):
        assert client.post(f"/app/{SLUG}/target/", data).status_code == 422
    with inside(tenant_a):
        for skill, level, code in (("safety", 101, "level_invalid"), ("x", 5, "skill_unknown")):
            with pytest.raises(Problem) as refused:
                set_target(context_of(learner), skill, level)
            assert refused.value.code == code
        assert Target.objects.count() == 0


def test_others_see_a_radar_only_with_the_right(
    tenant_a: Any, tenant_b: Any, learner: Any, client_for: Any, inside: Any
) -> None:
    with inside(tenant_a):
        people = {role: person(role) for role in ("learner", "trainer")}
    with inside(tenant_b):
        switch_on(tenant_b, SLUG)
        stranger = person("trainer")
    path = f"/app/{SLUG}/people/{learner.pk}/"
    got = {role: client_for(tenant_a, who).get(path).status_code for role, who in people.items()}
    assert got == {"learner": 404, "trainer": 200}
    assert client_for(tenant_a, learner).get(path).status_code == 200
    assert client_for(tenant_b, stranger).get(path).status_code == 404


def test_the_api_lists_the_callers_levels(tenant_a: Any, learner: Any, client_for: Any) -> None:
    rows = client_for(tenant_a, learner).get(f"/api/v1/{SLUG}/levels").json()
    assert [(row["skill"], row["percent"]) for row in rows] == [
        ("communication", 80),
        ("reading-plans", 100),
        ("safety", 50),
    ]
