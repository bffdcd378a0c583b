"""Places are counted at every door: form, role, list, directory, sign-up, end of an invitation."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone, translation

from tenants import registry
from tenants.context import use
from tenants.registry import TenantInfo
from tests.core.licensing.test_consumption import at_once, school
from tests.core.sso.scim.conftest import SCIM, USER
from tremplin.identity import services as people
from tremplin.identity.errors import NoPlace
from tremplin.identity.importing.apply import import_people
from tremplin.identity.importing.plan import make_plan
from tremplin.identity.importing.reading import Line, Sheet
from tremplin.identity.models import Invitation, User
from tremplin.licensing import seats
from tremplin.licensing.models import License, SeatAssignment
from tremplin.licensing.seat_port import free_lapsed

Sell = Callable[..., License]
Inside = Callable[[TenantInfo], AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def _quick_hashes(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def hold(sell: Sell, tenant: TenantInfo, total: int, **features: Any) -> License:
    return sell(tenant, {"people.seats": total, **features}, seats_total=total)


def used(tenant: TenantInfo) -> tuple[int, int | None]:
    found = seats.status(tenant)
    return found.used, found.total


def sheet(*emails: str, role: str = "") -> Sheet:
    lines = tuple(
        Line(number, {"email": email, "role": role}, False)
        for number, email in enumerate(emails, start=2)
    )
    return Sheet("utf-8", ";", ("email", "role"), (), lines, (), 0)


@pytest.mark.django_db
def test_the_life_of_a_place(tenant_a: TenantInfo, inside: Inside, sell: Sell) -> None:
    hold(sell, tenant_a, 2)
    with inside(tenant_a):
        lina = people.create_person(email="lina@x.example")
        assert used(tenant_a) == (1, 2)
        karim = people.create_person(email="karim@x.example", roles=["trainer"])
        assert used(tenant_a) == (1, 2)
        people.set_roles(karim, ["trainer", "candidate"])
        assert used(tenant_a) == (2, 2)
        with pytest.raises(NoPlace) as refused:
            people.create_person(email="theo@x.example")
        assert (refused.value.code, refused.value.used, refused.value.total) == ("seats_full", 2, 2)
        # Nobody is half created.
        assert not User.objects.filter(email="theo@x.example").exists()
        people.suspend(lina, "holidays")
        assert used(tenant_a) == (1, 2)
        people.create_person(email="theo@x.example")
        with pytest.raises(NoPlace):
            people.resume(lina)
        lina.refresh_from_db()
        assert lina.is_active is False
        people.set_roles(karim, ["trainer"])
        assert people.resume(lina) is True
        assert used(tenant_a) == (2, 2)
        people.remove(lina)
        assert used(tenant_a) == (1, 2)
    assert seats.recount(tenant_a) == []


@pytest.mark.django_db
def test_an_invitation_counts_when_sent_once_and_until_it_is_over(
    tenant_a: TenantInfo, inside: Inside, sell: Sell
) -> None:
    held = hold(sell, tenant_a, 1)
    with inside(tenant_a):
        invitation = people.invite("lina@x.example")
        assert [row.state for row in SeatAssignment.objects.filter(license=held)] == ["invited"]
        with pytest.raises(NoPlace):
            people.invite("theo@x.example")
        people.accept_invitation(
            invitation, password="une phrase 7 !", first_name="L", last_name="M", locale="fr"
        )
        assert [row.state for row in SeatAssignment.objects.filter(license=held)] == ["active"]
        assert used(tenant_a) == (1, 1)
        people.remove(User.objects.get(email="lina@x.example"))
        late = people.invite("zoe@x.example")
        Invitation.objects.filter(pk=late.pk).update(
            expires_at=timezone.now() - timedelta(seconds=1)
        )
        # The place of an invitation that is over serves at once, without any job.
        theo = people.create_person(email="theo@x.example")
        assert set(SeatAssignment.objects.values_list("member", flat=True)) == {theo.pk}
        with pytest.raises(NoPlace):
            people.resend_invitation(late.person)
        people.remove(theo)
        people.resend_invitation(late.person)
        assert used(tenant_a) == (1, 1)
        Invitation.objects.filter(person=late.person).update(revoked_at=timezone.now())
        assert (free_lapsed(tenant_a), free_lapsed(tenant_a)) == (1, 0)
        assert used(tenant_a) == (0, 1)


@pytest.mark.django_db
def test_several_invitations_are_refused_together_with_what_is_missing(
    tenant_a: TenantInfo, inside: Inside, sell: Sell
) -> None:
    from tremplin.identity.internal.bulk import invite_all

    hold(sell, tenant_a, 2)
    with inside(tenant_a), translation.override("en"):
        people.create_person(email="lina@x.example")
        with pytest.raises(NoPlace) as refused:
            invite_all(["a@x.example", "b@x.example"], ["learner"], None, invited_by=None)
        assert refused.value.message == "1/2 seats are taken. 1 more is needed."
        assert invite_all(["a@x.example", "b@x.example"], ["coach"], None, invited_by=None) == 2
    assert used(tenant_a) == (1, 2)


@pytest.mark.django_db
def test_temporary_accounts_are_all_made_or_none(
    tenant_a: TenantInfo, inside: Inside, sell: Sell
) -> None:
    hold(sell, tenant_a, 3)
    options = {
        "prefix": "Pilote", "role": "learner", "cohort": None, "locale": "fr",
        "expires_at": timezone.now() + timedelta(days=3), "domain": "meca.invalid",
    }  # fmt: skip
    with inside(tenant_a):
        with pytest.raises(NoPlace):
            people.create_pilots(count=4, **options)  # type: ignore[arg-type]
        assert not User.objects.filter(email__startswith="pilote").exists()
        made = people.create_pilots(count=3, **options)  # type: ignore[arg-type]
        assert used(tenant_a) == (3, 3)
        people.end_pilot(made[0].person)
        assert used(tenant_a) == (2, 3)
        people.extend_pilot(made[0].person, timezone.now() + timedelta(days=5))
        assert used(tenant_a) == (3, 3)


@pytest.mark.django_db
def test_a_list_of_73_fills_the_72_places_and_names_its_last_line(
    tenant_a: TenantInfo, inside: Inside, sell: Sell
) -> None:
    hold(sell, tenant_a, 100)
    with inside(tenant_a), translation.override("en"):
        for number in range(28):
            people.create_person(email=f"p{number}@x.example")
        rows = sheet(*(f"n{number}@x.example" for number in range(1, 74)))
        plan = make_plan(rows, kind="school", allowed_roles=["learner"])
        # The dry run says so beforehand: line 74 of the file is the 73rd person.
        assert (len(plan.new), plan.no_place, plan.takes, plan.places_after) == (72, 1, 72, 100)
        assert [(item.line, item.message) for item in plan.problems] == [
            (74, "No seat is left: the plan has 100.")
        ]
        done = import_people(make_plan(rows, kind="school", allowed_roles=["learner"]),
                             invited_by=None)  # fmt: skip
        assert (done.created, done.invited, done.refused, done.no_place) == (72, 72, 1, 1)
        assert used(tenant_a) == (100, 100)
        assert not User.objects.filter(email="n73@x.example").exists()
        # Staff needs no place.
        staff = make_plan(
            sheet("boss@x.example", role="trainer"), kind="school", allowed_roles=["trainer"]
        )
        assert (len(staff.new), staff.problems) == (1, [])
    assert SeatAssignment.objects.filter(state="invited").count() == 72


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "figures", "link", "reason"),
    [
        ("en", "1/1 seats", "See the plans", "No seat is left: the plan has 1."),
        ("fr", "1/1 places", "Voir les formules",
         "Il ne reste aucune place\u202f: la formule en compte 1."),
    ],
)  # fmt: skip
def test_the_import_page_says_it_in_both_languages(
    tenant_a: TenantInfo, inside: Inside, sell: Sell, client_for: Any,
    language: str, figures: str, link: str, reason: str,
) -> None:  # fmt: skip
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.urls import reverse

    hold(sell, tenant_a, 1)
    with inside(tenant_a):
        admin = people.create_person(email="nadia@x.example", roles=["admin"], locale=language)
    client = client_for(tenant_a, admin)
    client.cookies["language"] = language
    file = SimpleUploadedFile("list.csv", b"email\na@x.fr\nb@x.fr\n", content_type="text/csv")
    sent = client.post(reverse("people:import"), {"file": file, "role": "learner", "cohort": ""})
    page = client.get(sent["Location"]).content.decode()
    for text in (figures, link, reason, 'href="/console/billing/"'):
        assert text in page
    done = client.post(sent["Location"]).content.decode()
    assert figures in done
    assert link in done
    assert used(tenant_a) == (1, 1)
    with inside(tenant_a):
        assert set(
            User.objects.filter(email__endswith="@x.fr").values_list("email", flat=True)
        ) == {"a@x.fr"}


@pytest.mark.django_db
def test_the_invitation_form_shows_the_figures_and_the_way_out(
    tenant_a: TenantInfo, inside: Inside, sell: Sell, client_for: Any
) -> None:
    from django.urls import reverse

    hold(sell, tenant_a, 1)
    with inside(tenant_a):
        admin = people.create_person(email="nadia@x.example", roles=["admin"], locale="fr")
        people.create_person(email="lina@x.example")
    client = client_for(tenant_a, admin)
    client.cookies["language"] = "fr"
    answer = client.post(
        reverse("people:invite"), {"emails": "zoe@x.example", "roles": ["learner"], "cohort": ""}
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "1/1 places sont prises." in page
    assert 'href="/console/billing/" data-testid="seats-upgrade">Voir les formules</a>' in page


@pytest.mark.django_db
def test_the_directory_is_refused_with_figures(
    tenant_a: TenantInfo, inside: Inside, sell: Sell, client_for: Any
) -> None:
    from tests.core.sso.scim.conftest import Directory
    from tremplin.identity.api_access import keys

    hold(sell, tenant_a, 1, **{"scim.enabled": True})
    with inside(tenant_a):
        admin = people.create_person(email="nadia@x.example", roles=["admin"])
        _key, secret = keys.create(name="Entra", scopes=["scim"], created_by=admin)
    directory = Directory(client_for(tenant_a), secret, tenant_a)
    first = directory.user("lina@x.example")
    body = {"schemas": [USER], "userName": "theo@x.example"}
    refused = directory.send("POST", "/Users", body, **{"Accept-Language": "en"})
    assert refused.status_code == 403
    assert refused.json()["detail"].startswith("1/1 places")
    with inside(tenant_a):
        assert not User.objects.filter(email="theo@x.example").exists()
    path = f"{SCIM}/Users/{first['id']}"
    off = {"op": "replace", "path": "active", "value": False}
    assert directory.patch(path, off).status_code in {200, 204}
    assert used(tenant_a) == (0, 1)
    assert directory.send("POST", "/Users", body).status_code == 201
    again = directory.patch(path, {**off, "value": True})
    assert again.status_code == 403
    assert used(tenant_a) == (1, 1)


@pytest.mark.django_db
def test_a_plan_that_is_not_paid_takes_nobody(
    tenant_a: TenantInfo, inside: Inside, sell: Sell
) -> None:
    held = hold(sell, tenant_a, 10)
    with inside(tenant_a):
        lina = people.create_person(email="lina@x.example")
        for days, code in ((15, "plan_suspended"), (22, "plan_suspended"), (90, "plan_suspended")):
            with registry_write():
                License.objects.filter(pk=held.pk).update(
                    unpaid_since=timezone.now() - timedelta(days=days)
                )
            with pytest.raises(NoPlace) as refused:
                people.create_person(email="theo@x.example")
            assert refused.value.code == code
        # Those who are there stay, and may leave.
        people.set_roles(lina, ["candidate"])
        people.suspend(lina, "x")
    assert used(tenant_a) == (0, 10)


def registry_write() -> AbstractContextManager[None]:
    from tenants.context import public_write

    return public_write("test")


@pytest.mark.django_db
def test_one_space_never_counts_for_another(
    tenant_a: TenantInfo, tenant_b: TenantInfo, inside: Inside, sell: Sell
) -> None:
    hold(sell, tenant_a, 1)
    hold(sell, tenant_b, 1)
    with inside(tenant_a):
        people.create_person(email="lina@x.example")
    with inside(tenant_b):
        people.create_person(email="lina@x.example")
        with pytest.raises(NoPlace):
            people.create_person(email="theo@x.example")
    assert (used(tenant_a), used(tenant_b)) == ((1, 1), (1, 1))


@pytest.mark.django_db
def test_people_who_were_there_take_their_places_with_the_first_plan(
    tenant_a: TenantInfo, inside: Inside
) -> None:
    from tremplin.licensing import plans_catalogue, services

    plans_catalogue.sync()
    with inside(tenant_a):
        for number in range(11):
            people.create_person(email=f"p{number}@x.example")
        people.invite("late@x.example")
        gone = people.create_person(email="gone@x.example")
        people.suspend(gone, "left")
    held = services.grant_plan(tenant_a, services.current_version("gratuit"), source="manual")
    held.refresh_from_db()
    assert (held.seats_used, held.seats_total, held.is_over_limit) == (12, 10, True)
    assert SeatAssignment.objects.filter(license=held, state="invited").count() == 1


def test_two_administrators_invite_for_the_last_place_at_once(
    own_database: str, sell: Sell
) -> None:
    tenant = school()
    hold(sell, tenant, 5)

    def come(number: int) -> str:
        with use(tenant):
            try:
                people.invite(f"p{number}@x.example")
            except NoPlace as error:
                return error.code
        return "in"

    assert sorted(at_once(16, come)) == ["in"] * 5 + ["seats_full"] * 11
    found = registry.by_slug("mecaformation")
    assert found is not None
    with use(found):
        assert User.objects.filter(email__endswith="@x.example").count() == 5
        assert Invitation.objects.filter(email__endswith="@x.example").count() == 5
    assert used(found) == (5, 5)
    assert seats.recount(found) == []


def test_two_lists_at_once_never_go_beyond(own_database: str, sell: Sell) -> None:
    from django.db import transaction

    tenant = school()
    hold(sell, tenant, 10)

    def load(number: int) -> tuple[int, int]:
        with use(tenant), transaction.atomic():
            rows = sheet(*(f"l{number}-{index}@x.example" for index in range(8)))
            plan = make_plan(rows, kind="school", allowed_roles=["learner"], lock=True)
            done = import_people(plan, invited_by=None)
        return done.created, done.no_place

    assert sorted(at_once(2, load, threads=2)) == [(2, 6), (8, 0)]
    assert used(registry.by_slug("mecaformation") or tenant) == (10, 10)
