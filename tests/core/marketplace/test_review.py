"""The operator's review: allowed steps, checks, history; and the tier of a module."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo
    from tremplin.marketplace.models import Listing

pytestmark = pytest.mark.usefixtures("listed")
ALL = {f"{number:02d}": "passed" for number in range(1, 21)}


def draft() -> Listing:
    """Return the listing of the quiz as one of another publisher: a draft."""
    from tenants.context import public_write
    from tremplin.marketplace.models import Listing

    with public_write("test"):
        Listing.objects.filter(pk="quiz").update(state="draft", quality="", quality_report={})
    return Listing.objects.get(pk="quiz")


def test_a_listing_goes_from_draft_to_retired(
    hq: TenantInfo, inside: Callable[..., object]
) -> None:
    from tremplin.api import Problem
    from tremplin.kernel.models import AuditEvent
    from tremplin.marketplace import quality, reviewing, services
    from tremplin.marketplace.models import ReviewStep

    found = draft()
    for refused in ("published", "approved", "suspended", "checks", "draft"):
        with pytest.raises(Problem) as problem:
            reviewing.move(found, refused, by=None)
        assert problem.value.code == "review_step_refused", refused
    found = reviewing.move(found, "submitted", by=None)
    found = reviewing.move(found, "checks", by=None)
    with pytest.raises(Problem) as problem:
        reviewing.move(found, "approved", by=None)
    assert problem.value.code == "checks_missing"
    assert services.store_report("quiz", quality.Report("1.0.0", ALL, own_passed=3)) == "gold"
    for state in ("approved", "published", "suspended", "published", "retired"):
        found = reviewing.move(found, state, by=None, note="Because")
        assert found.state == state
    assert list(ReviewStep.objects.order_by("id").values_list("former", "state")) == [
        ("draft", "submitted"), ("submitted", "checks"), ("checks", "approved"),
        ("approved", "published"), ("published", "suspended"), ("suspended", "published"),
        ("published", "retired"),
    ]  # fmt: skip
    with inside(hq):  # type: ignore[attr-defined]
        assert AuditEvent.objects.filter(kind="marketplace.review").count() == 7


def test_the_report_of_another_version_gives_no_tier() -> None:
    from tremplin.marketplace import quality, reviewing, services
    from tremplin.marketplace.models import Listing

    services.store_report("quiz", quality.Report("0.9.0", ALL))
    assert not reviewing.has_passed(Listing.objects.get(pk="quiz"))
    services.store_report("quiz", quality.Report("1.0.0", ALL))
    assert reviewing.has_passed(Listing.objects.get(pk="quiz"))


@pytest.mark.parametrize(
    ("changes", "own", "tier"),
    [
        ({}, (3, 0), "gold"),
        ({}, (0, 0), "silver"),
        ({}, (3, 1), ""),
        ({"17": "failed"}, (3, 0), "bronze"),
        ({"14": "skipped"}, (3, 0), "bronze"),
        ({"08": "failed"}, (3, 0), ""),
        ({"04": "skipped"}, (3, 0), ""),
    ],
)
def test_tiers(changes: dict[str, str], own: tuple[int, int], tier: str) -> None:
    from tremplin.marketplace import quality

    report = quality.Report("1.0.0", {**ALL, **changes}, *own)
    assert quality.tier_of(report) == tier
    assert quality.Report.from_json(report.as_json()) == report


def test_a_report_of_pytest_is_read() -> None:
    from tremplin.marketplace import quality

    text = (
        "<testsuites><testsuite>"
        '<testcase name="test_rule_01_manifest[quiz]"/>'
        '<testcase name="test_rule_01_manifest[cv]"><failure/></testcase>'
        '<testcase name="test_rule_02_imports_only_the_api[quiz]"/>'
        '<testcase name="test_rule_02_imports_without_django[quiz]"><skipped/></testcase>'
        '<testcase name="test_rule_04_off_answers_nothing[quiz]"><error/></testcase>'
        '<testcase name="test_bank"/><testcase name="test_take"><failure/></testcase>'
        "</testsuite></testsuites>"
    )
    report = quality.read_junit(text, version="1.0.0", slug="quiz")
    assert report.rules == {"01": "passed", "02": "skipped", "04": "failed"}
    assert (report.own_passed, report.own_failed, report.failed) == (1, 1, ["04"])
    for bad in ("", "not xml", '<!DOCTYPE x [<!ENTITY a "b">]><x/>'):
        with pytest.raises(ValueError, match="pytest"):
            quality.read_junit(bad, version="1.0.0", slug="quiz")


def test_the_operator_reviews_on_its_pages(
    hq: TenantInfo, tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from tremplin.marketplace.models import Listing

    operator = admin_of(hq, "platform_admin")
    assert operator.get("/platform/listings/").content.decode().count("listing-quiz") == 1
    draft()
    assert operator.get("/platform/listings/quiz/").status_code == 200
    operator.post("/platform/listings/quiz/move/", {"state": "submitted"})
    refused = operator.post("/platform/listings/quiz/move/", {"state": "changes_requested"})
    assert refused.status_code == 422
    assert operator.post("/platform/listings/quiz/move/", {"state": "retired"}).status_code == 422
    operator.post(
        "/platform/listings/quiz/move/", {"state": "changes_requested", "note": "Add a text."}
    )
    assert Listing.objects.get(pk="quiz").state == "changes_requested"
    operator.post(
        "/platform/listings/quiz/texts/",
        {"text_en": "Tests", "text_fr": "Des quiz", "tags": "exam, skills"},
    )
    found = Listing.objects.get(pk="quiz")
    assert (found.text_fr, found.tags) == ("Des quiz", ["exam", "skills"])
    assert operator.post("/platform/listings/quiz/stop/", {"reason": ""}).status_code == 422
    assert operator.get("/platform/publishers/tremplin/").status_code == 200
    assert (
        operator.post(
            "/platform/publishers/tremplin/", {"name": "Tremplin", "share_percent": "101"}
        ).status_code
        == 422
    )
    statement = operator.get("/platform/publishers/tremplin/statement/?month=2026-11")
    assert statement.content.decode().splitlines() == [
        "date,invoice,module,description,net,share,currency,kind"
    ]
    assert operator.get("/platform/publishers/tremplin/?month=soon").status_code == 404


def test_nobody_else_reviews(
    hq: TenantInfo, tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    for person, status in ((admin_of(tenant_a), 404), (admin_of(hq, "billing"), 403)):
        for path in ("/platform/listings/", "/platform/listings/quiz/"):
            assert person.get(path).status_code == status, path
        for part in ("move", "texts", "stop", "release"):
            answer = person.post(f"/platform/listings/quiz/{part}/", {"reason": "x"})
            assert answer.status_code == status, part


def test_a_new_space_finds_a_stopped_module_off(tenant_b: TenantInfo) -> None:
    from tremplin.kernel import gate
    from tremplin.marketplace import reviewing
    from tremplin.marketplace.models import Listing

    reviewing.stop(Listing.objects.get(pk="quiz"), by=None, reason="A hole")
    gate.set_quarantined(tenant_b, "quiz", False, reason="test")
    reviewing.stop_in_new_space(tenant_b)
    assert gate.states(tenant_b)["quiz"].quarantined is True


def test_the_change_log_gives_the_notes_of_a_version() -> None:
    from tremplin.kernel import registry
    from tremplin.marketplace import services
    from tremplin.marketplace.models import ListingVersion

    entry = registry.get("quiz")
    assert entry is not None
    assert services.changes_of(entry, "1.0.0").startswith("- Question bank with nine kinds")
    assert services.changes_of(entry, "7.7.7") == ""
    assert ListingVersion.objects.filter(listing_id="quiz").count() == 1
    assert services.sync() == []
