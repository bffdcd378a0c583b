"""The list, actions on several people, one person's page, cohorts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.people import PASSWORD

pytestmark = pytest.mark.django_db


def emails(client: Any, query: str) -> list[str]:
    rows = client.get(f"/console/people/?{query}").context["rows"]
    return [row["person"].email for row in rows]


@pytest.fixture
def crowd(tenant_a: Any, make_person: Any, inside: Any) -> Any:
    from tremplin.identity import services

    people = {
        "eloise": make_person(
            tenant_a, "eloise@x.example", "learner", first_name="Éloïse", last_name="Bœuf"
        ),
        "karim": make_person(
            tenant_a, "karim@x.example", "trainer", "coach", first_name="Karim", last_name="Benali"
        ),
        "wait": make_person(tenant_a, "wait@x.example", "learner", password=None),
    }
    with inside(tenant_a):
        cohort = services.ensure_cohort("Bac Pro VE 2026-B")
        services.add_to_cohort(people["eloise"], cohort)
        people["cohort"] = cohort
    return people


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=eloise", ["eloise@x.example"]),
        ("q=BOEUF+éloï", ["eloise@x.example"]),
        ("q=Sofia", []),
        ("q=karim%40x", ["karim@x.example"]),
        ("role=trainer", ["karim@x.example"]),
        ("cohort=bac-pro-ve-2026-b", ["eloise@x.example"]),
        ("status=invited&q=wait", ["wait@x.example"]),
        ("status=suspended", []),
        ("role=coach&q=benali", ["karim@x.example"]),
        ("q=%25", []),
    ],
)
def test_search_and_filters(as_admin: Any, crowd: Any, query: str, found: list[str]) -> None:
    assert emails(as_admin, query) == found


def test_a_filter_by_role_still_shows_all_roles(as_admin: Any, crowd: Any) -> None:
    (row,) = as_admin.get("/console/people/?role=trainer").context["rows"]
    assert row["roles"] == ["Coach", "Formateur·rice"]


@pytest.mark.usefixtures("quiet_registry")
def test_pages_of_twenty_five_in_a_fixed_number_of_queries(
    as_admin: Any, tenant_a: Any, make_person: Any, django_assert_num_queries: Any
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    as_admin.get("/console/people/")
    with CaptureQueriesContext(connection) as few:
        as_admin.get("/console/people/")
    for number in range(40):
        make_person(tenant_a, f"p{number:02}@x.example", last_name=f"N{number:02}")
    with CaptureQueriesContext(connection) as many:
        page = as_admin.get("/console/people/?page=2")
    assert len(page.context["rows"]) == 42 - 25
    assert len(many) == len(few)


def test_suspension_closes_sessions_at_once_and_resuming_opens_the_account(
    as_admin: Any, client_for: Any, tenant_a: Any, learner_a: Any, inside: Any
) -> None:
    learner = client_for(tenant_a)
    learner.post("/accounts/login/", {"login": learner_a.email, "password": PASSWORD})
    assert learner.get("/api/v1/me").status_code == 200
    as_admin.post(f"/console/people/{learner_a.pk}/suspend/", {"reason": "exclusion"})
    assert learner.get("/api/v1/me").status_code == 401
    answer = client_for(tenant_a).post(
        "/accounts/login/", {"login": learner_a.email, "password": PASSWORD}
    )
    assert answer["Location"] == "/accounts/inactive/"
    as_admin.post(f"/console/people/{learner_a.pk}/resume/")
    answer = client_for(tenant_a).post(
        "/accounts/login/", {"login": learner_a.email, "password": PASSWORD}
    )
    assert answer["Location"] == "/app/"
    assert learner.get("/api/v1/me").status_code == 401  # the former session stays dead


def test_an_expired_account_is_out_even_before_the_nightly_job(
    client_for: Any, tenant_a: Any, learner_a: Any, inside: Any
) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from tremplin.identity import services
    from tremplin.identity.models import User

    client = client_for(tenant_a, learner_a)
    assert client.get("/api/v1/me").status_code == 200
    with inside(tenant_a):
        User.objects.filter(pk=learner_a.pk).update(
            expires_at=timezone.now() - timedelta(seconds=1)
        )
    assert client.get("/api/v1/me").status_code == 401
    answer = client_for(tenant_a).post(
        "/accounts/login/", {"login": learner_a.email, "password": PASSWORD}
    )
    assert answer["Location"] == "/accounts/inactive/"
    with inside(tenant_a):
        assert services.expire_accounts() == 1
        assert services.expire_accounts() == 0


def test_closing_someone_s_sessions(
    as_admin: Any, client_for: Any, tenant_a: Any, learner_a: Any
) -> None:
    learner = client_for(tenant_a, learner_a)
    assert learner.get("/api/v1/me").status_code == 200
    as_admin.post(f"/console/people/{learner_a.pk}/sessions/")
    assert learner.get("/api/v1/me").status_code == 401


def test_removing_makes_the_account_anonymous(
    as_admin: Any, client_for: Any, tenant_a: Any, learner_a: Any, inside: Any
) -> None:
    from allauth.account.models import EmailAddress

    learner = client_for(tenant_a, learner_a)
    response = as_admin.post(f"/console/people/{learner_a.pk}/remove/")
    assert response["Location"] == "/console/people/"
    assert learner.get("/api/v1/me").status_code == 401
    assert as_admin.get(f"/console/people/{learner_a.pk}/").status_code == 404
    with inside(tenant_a):
        learner_a.refresh_from_db()
        assert learner_a.email == f"erased-{learner_a.pk}@erased.invalid"
        assert (learner_a.first_name, learner_a.last_name, learner_a.is_active) == ("", "", False)
        assert learner_a.groups.count() == 0
        assert not EmailAddress.objects.filter(user=learner_a).exists()
        from django.utils import translation

        with translation.override("fr"):
            assert learner_a.display_name == "Compte supprimé"


def test_erasers_run_and_a_failing_one_keeps_everything(
    tenant_a: Any, learner_a: Any, inside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tremplin.identity import services
    from tremplin.identity.services import removal

    seen = []
    monkeypatch.setattr(removal, "_erasers", [seen.append])
    monkeypatch.setattr(removal, "_erasers", [seen.append, lambda pk: 1 / 0])
    with inside(tenant_a):
        with pytest.raises(ZeroDivisionError):
            services.remove(learner_a)
        learner_a.refresh_from_db()
        assert learner_a.email == "lina@mecaformation.example"
    assert seen == [learner_a.pk]


def test_the_owner_and_the_last_administrator_are_protected(tenant_a: Any, inside: Any) -> None:
    from tremplin.identity import services
    from tremplin.identity.errors import IdentityError
    from tremplin.identity.models import SpaceOwner

    with inside(tenant_a):
        owner = SpaceOwner.objects.get().person
        for change, code in (
            (lambda: services.suspend(owner, "x"), "owner_protected"),
            (lambda: services.remove(owner), "owner_protected"),
            (lambda: services.anonymise(owner), "owner_protected"),
            (lambda: services.set_roles(owner, ["learner"]), "owner_keeps_admin"),
        ):
            with pytest.raises(IdentityError) as caught:
                change()
            assert caught.value.code == code
        SpaceOwner.objects.all().delete()
        for change in (
            lambda: services.suspend(owner, "x"),
            lambda: services.set_roles(owner, ["learner"]),
        ):
            with pytest.raises(IdentityError) as caught:
                change()
            assert caught.value.code == "last_admin"


def test_the_profile_of_someone_is_edited(
    as_admin: Any, learner_a: Any, tenant_a: Any, inside: Any
) -> None:
    url = f"/console/people/{learner_a.pk}/edit/"
    assert (
        as_admin.post(url, {"first_name": "x" * 101, "last_name": "", "locale": ""}).status_code
        == 422
    )
    as_admin.post(url, {"first_name": " Lina\u200b  Rose ", "last_name": "Moreau", "locale": "en"})
    with inside(tenant_a):
        learner_a.refresh_from_db()
        assert (learner_a.first_name, learner_a.locale) == ("Lina Rose", "en")
        assert learner_a.search_text == "lina rose moreau lina@mecaformation.example"


def test_cohort_pages(as_admin: Any, crowd: Any, tenant_a: Any, inside: Any) -> None:
    from tremplin.identity.models import Cohort

    page = as_admin.get("/console/cohorts/bac-pro-ve-2026-b/")
    assert [row["person"].email for row in page.context["rows"]] == ["eloise@x.example"]
    made = as_admin.post("/console/cohorts/", {"name": "CAP Mécanique 2027"})
    assert made["Location"] == "/console/cohorts/cap-mecanique-2027/"
    as_admin.post("/console/cohorts/", {"name": "cap mecanique 2027"})
    assert as_admin.post("/console/cohorts/", {"name": "***"}).status_code == 422
    edit = "/console/cohorts/cap-mecanique-2027/edit/"
    assert as_admin.post(edit, {"name": "Bac Pro VE 2026-B"}).status_code == 422
    assert as_admin.post(edit, {"name": "CAP 2028"})["Location"] == "/console/cohorts/cap-2028/"
    as_admin.post("/console/cohorts/bac-pro-ve-2026-b/edit/", {"delete": "1"})
    with inside(tenant_a):
        assert list(Cohort.objects.values_list("slug", flat=True)) == ["cap-2028"]
        assert crowd["eloise"].is_active


def test_a_trainer_reads_people_and_changes_nothing(
    client_for: Any, tenant_a: Any, make_person: Any, learner_a: Any, inside: Any
) -> None:
    from tremplin.identity import services

    with inside(tenant_a):
        services.suspend(learner_a, "motif confidentiel")
    trainer = client_for(tenant_a, make_person(tenant_a, "karim@x.example", "trainer"))
    page = trainer.get("/console/people/").content.decode()
    assert "Moreau" in page
    for control in ("bulk-preview", "people-invite", "people-import", "people-export"):
        assert f'data-testid="{control}"' not in page
    detail = trainer.get(f"/console/people/{learner_a.pk}/").content.decode()
    assert "motif confidentiel" not in detail
    for control in ("person-sessions", "person-suspend", "roles-save", "person-save"):
        assert f'data-testid="{control}"' not in detail
    for path in (
        "bulk/",
        "invite/",
        "import/",
        f"{learner_a.pk}/resume/",
        f"{learner_a.pk}/roles/",
    ):
        assert trainer.post(f"/console/people/{path}").status_code == 403
    assert trainer.post("/console/cohorts/", {"name": "Pirate"}).status_code == 403
    with inside(tenant_a):
        learner_a.refresh_from_db()
        assert learner_a.is_active is False
