"""Actions on several people: the preview says who and why, the confirmation does exactly that."""

from __future__ import annotations

import re
from typing import Any

import pytest

pytestmark = pytest.mark.django_db

BULK = "/console/people/bulk/"


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


def choose(client: Any, people: list[Any], **fields: str) -> Any:
    return client.post(BULK, {"person": [str(person.pk) for person in people], **fields})


def preview(client: Any, people: list[Any], **fields: str) -> Any:
    """Choose, then open the preview page."""
    answer = choose(client, people, **fields)
    assert answer.status_code == 302, answer.context["errors"]
    return client.get(answer["Location"])


def confirm(client: Any, page: Any, **fields: str) -> Any:
    return client.post(
        page.request["PATH_INFO"], {"expected": str(page.context["changing"]), **fields}
    )


def notes(page: Any) -> dict[str, str]:
    return {e.person.email: e.note for e in page.context["effects"]}


def test_an_action_is_previewed_then_done_once(
    as_admin: Any, crowd: Any, tenant_a: Any, inside: Any
) -> None:
    from tremplin.kernel.models import AuditEvent

    people = [crowd["eloise"], crowd["karim"]]
    page = preview(as_admin, people, action="role_add", role="coach")
    assert page.status_code == 200
    assert [(effect.person.email, effect.changes) for effect in page.context["effects"]] == [
        ("karim@x.example", False),
        ("eloise@x.example", True),
    ]
    assert page.context["reasons"] == [("A déjà ce rôle", 1)]
    with inside(tenant_a):
        assert crowd["eloise"].groups.filter(name="coach").count() == 0
    assert confirm(as_admin, page)["Location"] == "/console/people/"
    with inside(tenant_a):
        assert crowd["eloise"].groups.filter(name="coach").count() == 1
        event = AuditEvent.objects.get(kind="security.roles_changed")
        assert event.target == f"person:{crowd['eloise'].pk}"
        assert event.data == {"added": ["coach"], "removed": []}
        assert AuditEvent.objects.filter(kind="security.roles_changed").count() == 1
    again = confirm(as_admin, page)
    assert (again.status_code, again["Location"]) == (302, page.request["PATH_INFO"])
    result = as_admin.get(page.request["PATH_INFO"]).content.decode()
    assert 'data-testid="bulk-done"' in result


def test_cohorts(as_admin: Any, crowd: Any, tenant_a: Any, inside: Any) -> None:
    people, cohort = [crowd["eloise"], crowd["wait"]], str(crowd["cohort"].pk)
    page = preview(as_admin, people, action="cohort_add", cohort=cohort)
    assert notes(page) == {"eloise@x.example": "Déjà dans cette cohorte", "wait@x.example": ""}
    confirm(as_admin, page)
    with inside(tenant_a):
        assert crowd["cohort"].members.count() == 2
    confirm(as_admin, preview(as_admin, people, action="cohort_remove", cohort=cohort))
    with inside(tenant_a):
        assert crowd["cohort"].members.count() == 0


def test_suspending_needs_a_reason_and_spares_the_owner_and_oneself(
    as_admin: Any, admin_a: Any, crowd: Any, tenant_a: Any, inside: Any
) -> None:
    from tremplin.identity.models import SpaceOwner, User

    with inside(tenant_a):
        owner = SpaceOwner.objects.get().person
    page = preview(as_admin, [crowd["eloise"], admin_a, owner], action="suspend")
    assert notes(page) == {
        "eloise@x.example": "",
        admin_a.email: "C’est votre propre compte",
        owner.email: "La personne propriétaire de l’espace est protégée",
    }
    assert confirm(as_admin, page).status_code == 422
    assert confirm(as_admin, page, reason=" \u200b ").status_code == 422
    confirm(as_admin, page, reason="année terminée")
    with inside(tenant_a):
        suspended = User.objects.filter(is_active=False)
        assert [(p.email, p.suspended_reason) for p in suspended] == [
            ("eloise@x.example", "année terminée")
        ]


def test_resending_invitations_reaches_only_those_who_wait(
    as_admin: Any, crowd: Any, tenant_a: Any, inside: Any
) -> None:
    from tremplin.identity.models import Invitation

    page = preview(as_admin, [crowd["eloise"], crowd["wait"]], action="resend")
    assert notes(page) == {
        "eloise@x.example": "Aucune invitation n’attend de réponse",
        "wait@x.example": "",
    }
    confirm(as_admin, page)
    with inside(tenant_a):
        waiting = Invitation.objects.exclude(email="owner@mecaformation.example")
        assert list(waiting.values_list("email", flat=True)) == ["wait@x.example"]


def test_the_last_administrator_stays(
    tenant_a: Any, crowd: Any, make_person: Any, client_for: Any, inside: Any
) -> None:
    """Without an owner, an action on every administrator leaves one."""
    from tremplin.identity.internal import bulk
    from tremplin.identity.models import SpaceOwner, User

    chief = make_person(tenant_a, "aa@x.example", "admin", last_name="A")
    with inside(tenant_a):
        former = SpaceOwner.objects.get().person
        SpaceOwner.objects.all().delete()
        former.groups.clear()
        temporary = make_person(tenant_a, "bb@x.example", "admin", last_name="B")
        User.objects.filter(pk=temporary.pk).update(expires_at="2099-01-01T00:00Z")
    client = client_for(tenant_a, chief)
    page = preview(client, [chief, temporary], action="role_remove", role="admin")
    assert notes(page) == {
        "aa@x.example": "C’est vous\u202f: changez vos propres rôles sur votre fiche",
        "bb@x.example": "",
    }
    from tremplin.api import services as platform

    with inside(tenant_a):
        other = make_person(tenant_a, "cc@x.example", "admin", last_name="C")
        ctx = platform.contexts().for_person(other.pk)
        User.objects.filter(pk=other.pk).update(is_active=False)
        effects = bulk.preview(
            ctx, bulk.Action("suspend"), bulk.people_of([chief.pk, temporary.pk])
        )
        assert [(e.person.email, e.changes) for e in effects] == [
            ("aa@x.example", False),
            ("bb@x.example", True),
        ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"action": ""}, "Choisissez une action."),
        ({"action": "drop_table"}, "Choisissez une action."),
        ({"action": "role_add"}, "Choisissez un rôle."),
        (
            {"action": "role_add", "role": "platform_admin"},
            "Vous ne pouvez ni donner ni retirer ce rôle.",
        ),
        ({"action": "cohort_add"}, "Choisissez une cohorte."),
    ],
)
def test_mistakes_are_explained(
    as_admin: Any, crowd: Any, fields: dict[str, str], message: str
) -> None:
    response = choose(as_admin, [crowd["eloise"]], **fields)
    assert response.status_code == 422
    assert message in response.context["errors"]


def test_without_anyone(as_admin: Any) -> None:
    response = as_admin.post(BULK, {"action": "suspend"})
    assert (response.status_code, response.context["errors"]) == (
        422,
        ["Cochez au moins une personne."],
    )


def test_everyone_that_the_filter_finds(
    as_admin: Any, crowd: Any, tenant_a: Any, make_person: Any, inside: Any
) -> None:
    from tremplin.identity.models import User

    for number in range(30):
        make_person(tenant_a, f"p{number:02}@x.example", "candidate")
    listed = as_admin.get("/console/people/?role=candidate").content.decode()
    assert 'name="filter" value="role=candidate"' in listed
    assert "Toutes les personnes que trouve ce filtre" in listed
    page = preview(
        as_admin, [], action="role_add", role="coach", everyone="1", filter="role=candidate"
    )
    assert (page.context["changing"], page.context["left"]) == (30, 0)
    make_person(tenant_a, "late@x.example", "candidate")
    confirm(as_admin, page)
    with inside(tenant_a):
        assert User.objects.filter(groups__name="coach").count() == 31  # the 30 and Karim
        late = User.objects.get(email="late@x.example")
        assert not late.groups.filter(name="coach").exists()


def test_what_changed_since_the_preview_is_shown_again(
    as_admin: Any, crowd: Any, tenant_a: Any, inside: Any
) -> None:
    from tremplin.identity import services
    from tremplin.identity.models import User

    people = [crowd["eloise"], crowd["wait"]]
    page = preview(as_admin, people, action="role_add", role="coach")
    with inside(tenant_a):
        services.set_roles(crowd["eloise"], ["coach"])
    answer = confirm(as_admin, page)
    assert answer.status_code == 422
    assert answer.context["changing"] == 1
    assert "Quelque chose a changé entre-temps" in answer.content.decode()
    with inside(tenant_a):
        assert User.objects.filter(groups__name="coach").count() == 2  # Karim, Éloïse
    assert confirm(as_admin, answer).status_code == 302


def test_a_failure_in_the_middle_changes_nobody(
    as_admin: Any, crowd: Any, tenant_a: Any, inside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tremplin.identity.models import BulkAction, User
    from tremplin.identity.services import removal

    page = preview(as_admin, [crowd["eloise"], crowd["wait"]], action="remove")
    asked: list[Any] = []

    def eraser(pk: Any) -> None:
        asked.append(pk)
        if len(asked) == 2:
            raise RuntimeError("the second one fails")

    monkeypatch.setattr(removal, "_erasers", [eraser])
    with pytest.raises(RuntimeError):
        confirm(as_admin, page)
    with inside(tenant_a):
        assert User.objects.filter(removed_at__isnull=False).count() == 0
        assert BulkAction.objects.get().state == "preview"


def test_another_person_s_action_does_not_exist(
    as_admin: Any,
    crowd: Any,
    tenant_a: Any,
    tenant_b: Any,
    make_person: Any,
    admin_b: Any,
    client_for: Any,
) -> None:
    page = preview(as_admin, [crowd["eloise"]], action="suspend")
    path = page.request["PATH_INFO"]
    colleague = client_for(tenant_a, make_person(tenant_a, "chef@x.example", "admin"))
    for client in (colleague, client_for(tenant_b, admin_b)):
        assert client.get(path).status_code == 404
        assert client.post(path, {"expected": "1", "reason": "x"}).status_code == 404
    learner = client_for(tenant_a, crowd["eloise"])
    assert learner.get(path).status_code == 403


def test_a_person_of_another_school_is_never_chosen(
    as_admin: Any, tenant_b: Any, make_person: Any, inside: Any
) -> None:
    stranger = make_person(tenant_b, "secret@lycee.example", "learner")
    answer = choose(as_admin, [stranger], action="remove")
    assert answer.status_code == 422
    with inside(tenant_b):
        stranger.refresh_from_db()
        assert (stranger.removed_at, stranger.is_active) == (None, True)


def test_a_manager_gives_only_roles_within_reach(
    tenant_a: Any, crowd: Any, admin_a: Any, make_person: Any, client_for: Any
) -> None:
    manager = client_for(tenant_a, make_person(tenant_a, "chef@x.example", "manager"))
    page = preview(manager, [crowd["karim"], crowd["eloise"], admin_a], action="suspend")
    assert notes(page) == {
        "karim@x.example": "A un rôle que vous ne pouvez pas donner\u202f: Coach, Formateur·rice",
        "eloise@x.example": "",
        admin_a.email: "A un rôle que vous ne pouvez pas donner\u202f: Administrateur·rice",
    }
    for role in ("admin", "manager", "trainer"):
        assert choose(manager, [crowd["eloise"]], action="role_add", role=role).status_code == 422


def test_platform_roles_need_platform_staff(
    hq: Any, make_person: Any, client_for: Any, inside: Any
) -> None:
    admin = client_for(hq, make_person(hq, "bureau@tremplin.example", "admin"))
    staff = make_person(hq, "sam@tremplin.example", "support")
    for role in ("support", "platform_admin", "billing"):
        assert choose(admin, [staff], action="role_add", role=role).status_code == 422
    page = preview(admin, [staff], action="suspend")
    assert notes(page) == {
        "sam@tremplin.example": "A un rôle que vous ne pouvez pas donner\u202f: Assistance"
    }


# --- many people ---------------------------------------------------------------------------------


def enrol(tenant: Any, inside: Any, count: int, role: str = "learner") -> None:
    """Add ``count`` people the quick way, as the import does."""
    from django.contrib.auth.models import Group

    from tremplin.identity.models import User

    with inside(tenant):
        people = [
            User(email=f"n{n:05}@crowd.example", last_name=f"N{n:05}", password="!")
            for n in range(count)
        ]
        for person in people:
            person.refresh_search_text()
        User.objects.bulk_create(people, batch_size=2_000)
        group = Group.objects.get(name=role)
        link = User.groups.through
        link.objects.bulk_create(
            [link(user_id=person.pk, group_id=group.pk) for person in people], batch_size=5_000
        )


def test_many_people_change_in_a_task_that_can_be_interrupted(
    as_admin: Any,
    admin_a: Any,
    crowd: Any,
    tenant_a: Any,
    inside: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tremplin.identity.internal import bulk_run
    from tremplin.identity.models import BulkAction, CohortMembership
    from tremplin.kernel.models import AuditEvent

    enrol(tenant_a, inside, 230)
    page = preview(
        as_admin, [], action="role_add", role="coach", everyone="1", filter="role=learner"
    )
    assert (page.context["changing"], page.context["in_background"]) == (232, True)
    answer = confirm(as_admin, page)
    path = page.request["PATH_INFO"]
    assert answer["Location"] == path
    with inside(tenant_a):
        row = BulkAction.objects.get()
        assert (row.state, row.position, len(row.people)) == ("running", 0, 232)
        assert bulk_run.run_batch(row.pk) is False
        row.refresh_from_db()
        assert (row.position, row.changed) == (50, 50)
    shown = as_admin.get(path)
    assert (shown.context["percent"], shown.context["running"]) == (22, True)
    assert 'hx-trigger="every 2s"' in shown.content.decode()
    with inside(tenant_a):
        assert bulk_run.carry_on(row.pk) is True
        assert bulk_run.carry_on(row.pk) is True  # a second delivery
        row.refresh_from_db()
        assert (row.state, row.position, row.changed) == ("done", 232, 232)
        events = AuditEvent.objects.filter(kind="security.roles_changed")
        assert events.count() == 232
        assert set(events.values_list("actor", flat=True)) == {admin_a.pk}
        assert CohortMembership.objects.count() == 1
    assert as_admin.get(path).context["running"] is False


def test_a_task_stops_when_its_author_loses_the_right(
    as_admin: Any, admin_a: Any, tenant_a: Any, inside: Any
) -> None:
    from tremplin.identity import services
    from tremplin.identity.internal import bulk_run
    from tremplin.identity.models import BulkAction, User

    enrol(tenant_a, inside, 210)
    page = preview(as_admin, [], action="role_add", role="coach", everyone="1", filter="q=crowd")
    confirm(as_admin, page)
    with inside(tenant_a):
        services.set_roles(admin_a, ["learner"])
        row = BulkAction.objects.get()
        assert bulk_run.carry_on(row.pk) is True
        row.refresh_from_db()
        assert (row.state, row.position) == ("stopped", 0)
        assert User.objects.filter(groups__name="coach").count() == 0


def test_lists_cost_the_same_whatever_their_length(
    as_admin: Any, tenant_a: Any, make_person: Any, inside: Any
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from tremplin.api import services as platform
    from tremplin.identity.internal import bulk
    from tremplin.identity.models import User

    def measure() -> tuple[int, int]:
        as_admin.get("/console/people/")
        with CaptureQueriesContext(connection) as listing:
            as_admin.get("/console/people/")
        with inside(tenant_a):
            boss = User.objects.filter(groups__name="admin").first()
            ids = list(User.objects.values_list("pk", flat=True))
            with CaptureQueriesContext(connection) as previewing:
                ctx = platform.contexts().for_person(boss.pk)
                bulk.preview(ctx, bulk.Action("suspend"), bulk.people_of(ids))
        return len(listing), len(previewing)

    few = measure()
    enrol(tenant_a, inside, 60)
    many = measure()
    assert few == many
    assert few[1] == 7  # the author, her rights, people, her reach, owners, admins, role names


PAGES = (
    "/console/people/",
    "/console/people/?page=801",
    "/console/people/?q=n19999",
    "/console/people/pilots/",
    "/console/roles/",
)


def test_twenty_thousand_people(as_admin: Any, tenant_a: Any, inside: Any) -> None:
    """Pages ask the same number of questions as with 30 people, and show 25 or 50 of them."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def questions() -> dict[str, int]:
        counted = {}
        for path in PAGES:
            as_admin.get(path)
            with CaptureQueriesContext(connection) as asked:
                assert as_admin.get(path).status_code == 200
            # The process asks now and then whether another one changed the registry of spaces.
            counted[path] = sum("epoch" not in query["sql"] for query in asked.captured_queries)
        return counted

    enrol(tenant_a, inside, 30)
    few = questions()
    with inside(tenant_a):
        from tremplin.identity.models import User

        User.objects.filter(email__endswith="@crowd.example").delete()
    enrol(tenant_a, inside, 20_000)
    many = questions()
    few[PAGES[2]] = many[PAGES[2]]  # nobody was called N19999 among the thirty
    assert many == few
    page = as_admin.get("/console/people/?q=n19999")
    assert [row["person"].email for row in page.context["rows"]] == ["n19999@crowd.example"]
    assert len(as_admin.get("/console/people/").context["rows"]) == 25
    with CaptureQueriesContext(connection) as asked:
        page = preview(
            as_admin, [], action="role_add", role="coach", everyone="1", filter="q=crowd"
        )
    assert page.context["changing"] == 20_000
    assert len(re.findall(r'data-testid="bulk-row"', page.content.decode())) == 50
    assert [q for q in asked.captured_queries if len(q["sql"]) > 900_000] == []
