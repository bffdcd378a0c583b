"""What a space finds in the catalogue, and what a module's page says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo

pytestmark = pytest.mark.usefixtures("listed")


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", 1),
        ("q=QUIZ", 1),
        ("q=quiz+minutés", 1),
        ("q=minutes", 1),
        ("q=nothing", 0),
        ("category=learn", 1),
        ("category=work", 0),
        ("category=nonsense", 1),
        ("price=free", 1),
        ("price=paid", 0),
        ("publisher=tremplin", 1),
        ("quality=gold", 1),
        ("quality=bronze", 0),
        ("state=off", 1),
        ("state=on", 0),
        ("q=quiz&state=on", 0),
    ],
)
def test_filters(
    tenant_a: TenantInfo, admin_of: Callable[..., Client], query: str, shown: int
) -> None:
    page = admin_of(tenant_a).get(f"/console/modules/?{query}")
    assert page.status_code == 200
    text = page.content.decode()
    assert text.count('data-testid="module-quiz"') == shown
    assert ('data-testid="modules-none"' in text) == (shown == 0)


def test_a_page_tells_everything_before_a_purchase(
    tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    page = admin_of(tenant_a).get("/console/modules/quiz/").content.decode()
    for part in (
        "module-licence", "module-trial", "module-data", "module-ai", "module-checks",
        "module-quality", "module-about", "module-versions", "module-ratings", "module-tables",
        "rating-closed",
    ):  # fmt: skip
        assert page.count(f'data-testid="{part}"') == 1, part
    assert page.count('data-ok="yes"') == 3
    assert 'data-ok="no"' not in page
    assert 'data-testid="rating-form"' not in page


def test_personal_data_is_read_from_the_tables() -> None:
    from tremplin.marketplace import datasheet

    tables = {table.name: table for table in datasheet.tables_of("quiz")}
    assert len(tables) == 12
    assert sorted(name for name, table in tables.items() if table.is_personal) == [
        "quiz_answer",
        "quiz_assignment",
        "quiz_attempt",
        "quiz_importbatch",
        "quiz_mark",
        "quiz_question",
        "quiz_questionversion",
        "quiz_quiz",
    ]
    assert not tables["quiz_category"].is_personal
    assert "whose it is or who wrote it" in tables["quiz_attempt"].holds


def test_a_module_that_does_not_exist(
    tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    admin = admin_of(tenant_a)
    assert admin.get("/console/modules/nothing/").status_code == 404
    for part in ("trial", "switch", "settings", "rating", "keep"):
        assert admin.post(f"/console/modules/nothing/{part}/").status_code == 404, part


@pytest.mark.parametrize("role", ["learner", "trainer", "manager"])
def test_only_administrators_see_the_catalogue(
    tenant_a: TenantInfo, admin_of: Callable[..., Client], role: str
) -> None:
    person = admin_of(tenant_a, role)
    for path in ("/console/modules/", "/console/modules/quiz/", "/console/modules/mine/"):
        assert person.get(path).status_code == 403, path


def test_a_trial_is_given_once_and_opens_the_module(
    tenant_a: TenantInfo, tenant_b: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from datetime import timedelta

    from tremplin.kernel import clock, gate
    from tremplin.licensing.models import License, Trial

    admin = admin_of(tenant_a)
    start = clock.now()
    with clock.frozen_at(start):
        admin.post("/console/modules/quiz/trial/")
        held = License.objects.get(tenant_id=tenant_a.pk, module="quiz")
        assert (held.source, held.state) == ("trial", "trialing")
        assert held.valid_until == start + timedelta(days=14)
        assert gate.mode(tenant_a, "quiz") == "on"
        assert gate.mode(tenant_b, "quiz") == "off"
        admin.post("/console/modules/quiz/trial/")
        assert Trial.objects.filter(tenant_id=tenant_a.pk).count() == 1
        page = admin.get("/console/modules/quiz/").content.decode()
        assert 'data-testid="module-trial"' not in page
        assert 'data-testid="module-save"' in page
        mine = admin.get("/console/modules/mine/").content.decode()
        assert mine.count('data-testid="mine-quiz"') == 1
    with clock.frozen_at(start + timedelta(days=14)):
        assert gate.mode(tenant_a, "quiz") == "read_only"
        admin.post("/console/modules/quiz/trial/")
        assert gate.mode(tenant_a, "quiz") == "read_only"
    with clock.frozen_at(start + timedelta(days=44)):
        assert gate.mode(tenant_a, "quiz") == "off"


def test_off_and_on_again(tenant_a: TenantInfo, admin_of: Callable[..., Client]) -> None:
    from tremplin.kernel import gate

    admin = admin_of(tenant_a)
    admin.post("/console/modules/quiz/trial/")
    admin.post("/console/modules/quiz/switch/", {"state": "off"})
    assert gate.mode(tenant_a, "quiz") == "off"
    admin.post("/console/modules/quiz/switch/", {"state": "on"})
    assert gate.mode(tenant_a, "quiz") == "on"


def test_switching_on_without_a_licence_is_refused(
    tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from tremplin.kernel import gate

    admin_of(tenant_a).post("/console/modules/quiz/switch/", {"state": "on"})
    assert gate.mode(tenant_a, "quiz") == "off"


def test_uninstalling_leaves_thirty_days_to_read(
    tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from datetime import timedelta

    from tremplin.kernel import clock, gate

    admin = admin_of(tenant_a)
    admin.post("/console/modules/quiz/trial/")
    start = clock.now()
    with clock.frozen_at(start):
        assert admin.get("/console/modules/quiz/uninstall/").status_code == 200
        assert gate.mode(tenant_a, "quiz") == "on"
        admin.post("/console/modules/quiz/uninstall/")
        state = gate.states(tenant_a)["quiz"]
        assert (state.mode, state.purge_at) == ("read_only", start + timedelta(days=30))
        assert 'data-testid="module-keep"' in admin.get("/console/modules/quiz/").content.decode()
        admin.post("/console/modules/quiz/keep/")
        state = gate.states(tenant_a)["quiz"]
        assert (state.mode, state.purge_at) == ("on", None)


def test_a_missing_module_stands_in_the_way_of_a_purchase(
    tenant_a: TenantInfo, admin_of: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tremplin.kernel import registry
    from tremplin.licensing.models import License
    from tremplin.marketplace import compatibility
    from tremplin.marketplace.compatibility import Finding

    assert registry.get("quiz") is not None
    monkeypatch.setattr(
        compatibility,
        "_needs",
        lambda tenant, entry: [Finding("requires", False, "Needs the module CV.", "cv")],
    )
    admin = admin_of(tenant_a)
    page = admin.get("/console/modules/quiz/").content.decode()
    assert page.count('data-ok="no"') == 1
    assert 'data-testid="module-trial"' not in page
    admin.post("/console/modules/quiz/trial/")
    assert License.objects.filter(tenant_id=tenant_a.pk).count() == 0
