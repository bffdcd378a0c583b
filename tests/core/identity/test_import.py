"""Import of a list through the pages, as an administrator does it."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

pytestmark = pytest.mark.django_db

URL = "/console/people/import/"


def thirty_rows() -> bytes:
    """Thirty lines: line 7 has no address, line 19 repeats the one of line 3."""
    lines = ["Prénom;Nom;E-mail;Cohorte"]
    for number in range(30):
        line = number + 2
        email = f"eleve{line}@garnier.example"
        if line == 7:
            email = "pas-une-adresse"
        if line == 19:
            email = "ELEVE3@garnier.example"
        lines.append(f"Zoé{line};Lefèvre;{email};2026-A")
    return "\n".join(lines).encode()


def send(client: Any, data: bytes, **fields: str) -> Any:
    file = SimpleUploadedFile("liste.csv", data, content_type="text/csv")
    return client.post(URL, {"file": file, "role": "learner", "cohort": "", **fields})


def check(client: Any, data: bytes, **fields: str) -> Any:
    response = send(client, data, **fields)
    assert response.status_code == 302, response.context["form"].errors
    return client.get(response["Location"])


def test_thirty_rows_two_bad(as_admin: Any, inside: Any, tenant_a: Any) -> None:
    from tremplin.identity.models import Cohort, Invitation, User

    page = check(as_admin, thirty_rows())
    plan = page.context["plan"]
    assert (plan.ok, len(plan.new), len(plan.problems)) == (28, 28, 2)
    assert [(item.line, item.column) for item in plan.problems] == [(7, "email"), (19, "email")]
    text = page.content.decode()
    assert "28 lignes utilisables" in text
    assert "2 erreurs" in text
    with inside(tenant_a):
        before = User.objects.count()
    done = as_admin.post(page.request["PATH_INFO"])
    assert done.status_code == 200
    assert (done.context["done"].created, done.context["done"].refused) == (28, 2)
    with inside(tenant_a):
        assert User.objects.count() == before + 28
        cohort = Cohort.objects.get(slug="2026-a")
        assert cohort.members.filter(groups__name="learner").count() == 28
        assert Invitation.objects.filter(accepted_at=None).count() == 28 + 1  # and the owner's
        zoe = User.objects.get(email="eleve2@garnier.example")
        assert (zoe.first_name, zoe.last_name, zoe.has_usable_password()) == (
            "Zoé2",
            "Lefèvre",
            False,
        )


def test_a_second_run_changes_nothing(as_admin: Any, inside: Any, tenant_a: Any) -> None:
    from tremplin.identity.models import CohortMembership, Invitation, User

    page = check(as_admin, thirty_rows())
    as_admin.post(page.request["PATH_INFO"])
    with inside(tenant_a):
        counts = [model.objects.count() for model in (User, CohortMembership, Invitation)]
    again = check(as_admin, thirty_rows())
    plan = again.context["plan"]
    assert (len(plan.new), len(plan.joining), len(plan.unchanged)) == (0, 0, 28)
    assert b'data-testid="import-nothing"' in again.content
    as_admin.post(again.request["PATH_INFO"])
    with inside(tenant_a):
        assert counts == [model.objects.count() for model in (User, CohortMembership, Invitation)]


def test_a_double_click_imports_once(as_admin: Any, inside: Any, tenant_a: Any) -> None:
    from tremplin.identity.models import User

    page = check(as_admin, b"email\nun@x.fr\n")
    as_admin.post(page.request["PATH_INFO"])
    second = as_admin.post(page.request["PATH_INFO"])
    assert (second.status_code, second["Location"]) == (302, "/console/people/")
    with inside(tenant_a):
        assert User.objects.filter(email="un@x.fr").count() == 1


def test_known_people_are_left_as_they_are_but_join_a_cohort(
    as_admin: Any, inside: Any, tenant_a: Any, learner_a: Any
) -> None:
    page = check(
        as_admin, b"email;prenom;role;cohorte\nlina@mecaformation.example;Autre;formateur;2026-B\n"
    )
    plan = page.context["plan"]
    assert (len(plan.new), len(plan.joining), len(plan.unchanged)) == (0, 1, 0)
    as_admin.post(page.request["PATH_INFO"])
    with inside(tenant_a):
        learner_a.refresh_from_db()
        learner_a.forget_rights()
        assert learner_a.first_name == "Lina"
        assert learner_a.role_codes() == {"learner"}
        assert [cohort.name for cohort in learner_a.cohorts.all()] == ["2026-B"]


def test_roles_languages_and_cohorts_of_a_line(as_admin: Any, inside: Any, tenant_a: Any) -> None:
    from tremplin.identity.models import User

    data = (
        "email,role,cohort,language\n"
        "a@x.fr,Formatrice,2026-A|2026-B,Français\n"
        "b@x.fr,apprenant | coach,,english\n"
        "c@x.fr,Sorcier,,\n"
        "d@x.fr,,,klingon\n"
        "e@x.fr,platform_admin,,\n"
    ).encode()
    page = check(as_admin, data, cohort="Défaut")
    plan = page.context["plan"]
    assert [(item.line, item.column) for item in plan.problems] == [
        (4, "role"),
        (5, "locale"),
        (6, "role"),
    ]
    assert plan.new_cohorts == {"2026-a": "2026-A", "2026-b": "2026-B", "defaut": "Défaut"}
    as_admin.post(page.request["PATH_INFO"])
    with inside(tenant_a):
        first, second = User.objects.get(email="a@x.fr"), User.objects.get(email="b@x.fr")
        assert (first.role_codes(), first.locale) == ({"trainer"}, "fr")
        assert sorted(first.cohorts.values_list("name", flat=True)) == ["2026-A", "2026-B"]
        assert (second.role_codes(), second.locale) == ({"learner", "coach"}, "en")
        assert list(second.cohorts.values_list("name", flat=True)) == ["Défaut"]


def test_a_manager_cannot_import_administrators(
    client_for: Any, tenant_a: Any, make_person: Any
) -> None:
    manager = make_person(tenant_a, "chef@mecaformation.example", "manager")
    client = client_for(tenant_a, manager)
    page = check(client, b"email;role\na@x.fr;admin\nb@x.fr;learner\n")
    assert [(item.line, item.column) for item in page.context["plan"].problems] == [(2, "role")]
    assert send(client, b"email\na@x.fr\n", role="admin").status_code == 422


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\x03\x04", "tableur"),
        (b"nom\nA\n", "Colonnes trouvées"),
        (b"", "vide"),
        (b"email\n" + b"a@x.fr\n" * 10_001, "10\u202f000"),
    ],
)
def test_unusable_files_are_explained_and_not_kept(
    as_admin: Any, inside: Any, tenant_a: Any, data: bytes, words: str
) -> None:
    from tremplin.identity.models import ImportUpload

    response = send(as_admin, data)
    assert response.status_code == 422
    assert words in response.content.decode()
    with inside(tenant_a):
        assert ImportUpload.objects.count() == 0


def test_the_upload_belongs_to_one_session_and_one_space(
    as_admin: Any,
    client_for: Any,
    tenant_a: Any,
    tenant_b: Any,
    admin_a: Any,
    admin_b: Any,
    make_person: Any,
) -> None:
    url = send(as_admin, b"email\na@x.fr\n")["Location"]
    colleague = make_person(tenant_a, "autre@mecaformation.example", "admin")
    for client in (
        client_for(tenant_a, colleague),
        client_for(tenant_a, admin_a),
        client_for(tenant_b, admin_b),
    ):
        assert client.get(url).status_code == 404
        assert client.post(url).status_code == 404
    assert as_admin.get(url).status_code == 200


def test_repairs_and_unknown_columns_are_shown(as_admin: Any) -> None:
    data = "Courriel;Nom;Téléphone;Régime\nlea@x.fr;Lefèvre;01;sans\n".encode("cp1252")
    page = check(as_admin, data)
    assert page.context["sheet"].unknown == ("Téléphone", "Régime")
    assert page.context["sheet"].repairs[0].after == "lea@x.fr · Lefèvre"
    text = page.content.decode()
    assert "Téléphone, Régime" in text
    assert 'data-testid="import-repaired"' in text


def test_a_plan_costs_four_queries_whatever_the_length(
    tenant_a: Any, inside: Any, learner_a: Any, django_assert_num_queries: Any
) -> None:
    from tremplin.identity.importing.plan import make_plan
    from tremplin.identity.importing.reading import Line, Sheet

    lines = [
        Line(n, {"email": f"p{n}@x.fr", "cohort": f"C{n % 9}"}, False) for n in range(2, 5_002)
    ]
    lines.append(Line(5_002, {"email": "lina@mecaformation.example"}, False))
    sheet = Sheet("utf-8", ";", ("email", "cohort"), (), tuple(lines), (), 0)
    with inside(tenant_a), django_assert_num_queries(4):
        plan = make_plan(sheet, kind="school", allowed_roles=["learner"])
    assert (len(plan.new), len(plan.unchanged), len(plan.new_cohorts)) == (5_000, 1, 9)


def test_a_person_created_meanwhile_stops_the_import(
    as_admin: Any, tenant_a: Any, inside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tremplin.identity.importing import uploads
    from tremplin.identity.models import Cohort, User

    page = check(as_admin, b"email;cohorte\na@x.fr;Neuve\nlina@mecaformation.example;Neuve\n")
    real = uploads.import_people

    def late(plan: Any, **options: Any) -> Any:
        User.objects.create_user("a@x.fr")
        return real(plan, **options)

    monkeypatch.setattr(uploads, "import_people", late)
    response = as_admin.post(page.request["PATH_INFO"])
    assert response.status_code == 422
    assert "Vérifiez de nouveau la liste" in response.content.decode()
    with inside(tenant_a):
        assert not Cohort.objects.filter(slug="neuve").exists()
        assert not User.objects.filter(email="lina@mecaformation.example").exists()


def test_the_template_can_be_imported_as_it_is(as_admin: Any) -> None:
    for language in ("fr", "en"):
        as_admin.cookies["language"] = language
        content = as_admin.get(reverse("people:import_template")).content
        plan = check(as_admin, content).context["plan"]
        assert (len(plan.new), plan.problems) == (2, [])
        assert plan.new[1].first_name == "Zoé"


def test_an_export_is_safe_in_a_spreadsheet_and_imports_back(
    as_admin: Any, make_person: Any, tenant_a: Any
) -> None:
    make_person(tenant_a, "mechant@x.fr", "learner", first_name='=HYPERLINK("x")', last_name="@x")
    content = as_admin.get(reverse("people:export")).content.decode("utf-8-sig")
    assert 'mechant@x.fr;"\'=HYPERLINK(""x"")";\'@x;learner;' in content
    plan = check(as_admin, content.encode("utf-8-sig")).context["plan"]
    assert (plan.changes, plan.problems) == (0, [])


def test_the_import_is_recorded(as_admin: Any, inside: Any, tenant_a: Any, admin_a: Any) -> None:
    from tremplin.kernel.models import AuditEvent

    page = check(as_admin, b"email\na@x.fr\nb@x.fr\n")
    as_admin.post(page.request["PATH_INFO"])
    with inside(tenant_a):
        event = AuditEvent.objects.get(kind="people.imported")
        assert event.actor == admin_a.pk
        assert event.data == {"created": 2, "joined": 0, "unchanged": 0, "refused": 0}
