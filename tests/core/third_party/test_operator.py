"""Support modules as the operator sees them: what is off, degraded, why and where."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError
from django.utils import timezone
from psycopg.errors import UndefinedTable

from tremplin.api import hookspecs, services
from tremplin.identity.mfa import enrol_totp
from tremplin.kernel import gate, registry
from tremplin.kernel.dispatch import dispatcher
from tremplin.kernel.state.models import ProcessReport
from tremplin.modules import condition
from tremplin.testing.contract.world import person

PAGE = "/platform/modules/"


@pytest.fixture
def support(register_temporarily: Callable[[object], Any]) -> Callable[..., None]:
    def add(*slugs: str) -> None:
        for slug in slugs:
            register_temporarily(import_module(f"tests.support.plugins.{slug}.plugin").plugin)

    return add


@pytest.fixture
def operator(hq: Any, inside: Any, client_for: Any) -> Any:
    with inside(hq):
        who = person("platform_admin")
        enrol_totp(who, "JBSWY3DPEHPK3PXP")
    return client_for(hq, who)


def fail(tenant: Any, inside: Any, slug: str, times: int) -> None:
    """Ask a module that raises, as a page of this space would."""
    gate.set_licence(tenant, slug, "on", reason="test")
    gate.activate(tenant, slug)
    with inside(tenant):
        ctx = services.contexts().current()
        for _ in range(times):
            dispatcher.collect(hookspecs.navigation, frozenset({slug}), ctx=ctx)


def panel(page: str, slug: str) -> str:
    """The part of the page about one module."""
    start = page.index(f'data-testid="module-{slug}"')
    following = re.search(
        r'data-testid="module-(?!status|reason|trouble|space)', page[start + 20 :]
    )
    return page[start : start + 20 + following.start()] if following else page[start:]


def test_a_raising_module_is_degraded_where_it_fails_and_nowhere_else(
    operator: Any, tenant_a: Any, tenant_b: Any, inside: Any, support: Callable[..., None]
) -> None:
    support("raises", "slow")
    fail(tenant_a, inside, "raises", 5)
    fail(tenant_b, inside, "raises", 2)
    (row,) = [row for row in condition.of_all() if row.slug == "raises"]
    assert (row.status, row.failures, len(row.errors)) == ("degraded", 7, 1)
    assert row.concerned == sorted([tenant_a.name, tenant_b.name])
    assert [(t.space, t.hook, t.failures, t.left_alone) for t in row.troubles] == sorted(
        [
            (tenant_a.slug, "navigation", 5, True),
            (tenant_b.slug, "navigation", 2, False),
        ],
        key=lambda item: str((tenant_a if item[0] == tenant_a.slug else tenant_b).uuid),
    )
    page = operator.get(PAGE).content.decode()
    mine = panel(page, "raises")
    assert mine.count('data-testid="module-trouble"') == 2
    assert "Dégradé" in mine
    assert tenant_a.name in mine
    assert "Fonctionne" in panel(page, "slow")
    assert "Fonctionne" in panel(page, "quiz")


def test_a_slow_module_is_degraded_until_it_answers_quickly(
    operator: Any, tenant_a: Any, inside: Any, support: Callable[..., None]
) -> None:
    support("slow")
    gate.set_licence(tenant_a, "slow", "on", reason="test")
    gate.activate(tenant_a, "slow")
    with inside(tenant_a):
        ctx = services.contexts().current()
        for _ in range(4):
            dispatcher.collect(hookspecs.dashboard_widgets, frozenset({"slow"}), ctx=ctx)
        assert [row.status for row in condition.of_all() if row.slug == "slow"] == ["ok"]
        answers = dispatcher.collect(hookspecs.dashboard_widgets, frozenset({"slow"}), ctx=ctx)
    assert [answer.value.key for answer in answers] == ["slow"]
    (row,) = [row for row in condition.of_all() if row.slug == "slow"]
    assert (row.status, row.failures, row.errors) == ("degraded", 5, ["TooSlow"])
    assert row.reason == "dashboard_widgets keeps taking more than 50 ms"
    mine = panel(operator.get(PAGE).content.decode(), "slow")
    assert mine.count('data-testid="module-trouble"') == 1
    for text in ("Dégradé", "Trop lent", "Encore sollicitée", tenant_a.name):
        assert text in mine, text
    dispatcher.watch.succeeded(str(tenant_a.uuid), "slow", "dashboard_widgets", 0.001)
    (row,) = [row for row in condition.of_all() if row.slug == "slow"]
    assert (row.status, row.troubles) == ("ok", ())


def test_the_text_of_an_error_is_never_shown(
    operator: Any, tenant_a: Any, inside: Any, support: Callable[..., None]
) -> None:
    support("raises")
    plugin = registry.get("raises")
    assert plugin is not None
    fail(tenant_a, inside, "raises", 5)
    error = dispatcher.watch.degraded()[0].error
    page = operator.get(PAGE).content.decode()
    assert error in page
    assert error.isidentifier()
    with pytest.raises(Exception) as raised:  # noqa: PT011, B017  whatever the module raises
        plugin.plugin.navigation(services.contexts())  # type: ignore[union-attr]
    assert str(raised.value)
    assert str(raised.value) not in page


def test_quarantined_and_incompatible_modules_say_why(
    operator: Any, tenant_a: Any, support: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tremplin.kernel.discovery import ROOT, discover

    problems = discover([ROOT / "tests" / "support" / "plugins"], bundled=False).problems
    (incompatible,) = [item for item in problems if item.slug == "incompatible"]
    support("raises")
    registry.quarantine("raises", "fails at start")
    entry = registry._entry_of_problem(incompatible)
    monkeypatch.setitem(registry._state.entries, "incompatible", entry)
    page = operator.get(PAGE).content.decode()
    assert "Incompatible" in panel(page, "incompatible")
    assert "needs the plugin API &gt;=9" in panel(page, "incompatible")
    assert "En quarantaine" in panel(page, "raises")
    assert "fails at start" in panel(page, "raises")
    assert "2 modules demandent votre attention." in page
    assert page.index('"module-raises"') < page.index('"module-quiz"')
    out = StringIO()
    call_command("plugin", "list", stdout=out)
    lines = {line.split()[0]: line.split() for line in out.getvalue().splitlines()}
    assert lines["raises"] == ["raises", "1.0.0", "quarantined", "fails", "at", "start"]
    assert lines["incompatible"][:3] == ["incompatible", "-", "incompatible"]
    assert lines["quiz"] == ["quiz", "1.0.0", "ok"]


def test_the_troubles_of_another_process_are_shown_for_three_minutes(
    operator: Any, tenant_a: Any, support: Callable[..., None]
) -> None:
    support("raises")
    trouble = {"tenant": str(tenant_a.uuid), "plugin": "raises", "hook": "navigation"}
    trouble |= {"error": "ValueError", "failures": 5, "open": 1}
    with services.tenancy().public_write("test"):
        report = ProcessReport.objects.create(
            role="worker", name="worker@x:1", registry_hash="", seen_at=timezone.now(),
            troubles=[trouble],
        )  # fmt: skip
    out = StringIO()
    call_command("plugin", "status", "raises", stdout=out)
    assert f"  {tenant_a.slug}: navigation failed 5 times (ValueError) in worker@x:1" in (
        out.getvalue().splitlines()
    )
    assert "raises 1.0.0: degraded" in out.getvalue()
    with services.tenancy().public_write("test"):
        report.seen_at = timezone.now() - timedelta(minutes=4)
        report.save()
    (row,) = [row for row in condition.of_all() if row.slug == "raises"]
    assert (row.status, row.troubles) == ("ok", ())


def test_a_process_reports_a_module_at_once_when_it_is_left_alone(
    operator: Any, tenant_a: Any, inside: Any, support: Callable[..., None]
) -> None:
    support("raises")
    fail(tenant_a, inside, "raises", 5)
    assert ProcessReport.objects.filter(role="web").count() == 0
    operator.get(PAGE)
    (report,) = ProcessReport.objects.filter(role="web")
    assert [(row["plugin"], row["failures"], row["open"]) for row in report.troubles] == [
        ("raises", 5, 1)
    ]


def test_before_the_first_migration_the_command_says_what_to_do(monkeypatch: Any) -> None:
    def ask(*, live: bool) -> list[condition.Condition]:
        raise ProgrammingError("no such table") from cause

    monkeypatch.setattr(condition, "of_all", ask)
    cause: Exception = UndefinedTable("kernel_state_processreport")
    with pytest.raises(CommandError, match="manage.py migrate makes them"):
        call_command("plugin", "list")
    cause = ValueError("something else")
    with pytest.raises(ProgrammingError, match="no such table"):
        call_command("plugin", "list")


def test_the_page_is_the_operators_alone(
    hq: Any, tenant_a: Any, inside: Any, client_for: Any
) -> None:
    with inside(hq):
        member = person("member")
    with inside(tenant_a):
        admin = person("admin")
    assert client_for(hq, member).get(PAGE).status_code == 403
    assert client_for(hq).get(PAGE).status_code == 302
    assert client_for(tenant_a, admin).get(PAGE).status_code == 404
