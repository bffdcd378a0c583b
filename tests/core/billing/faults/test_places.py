"""Seat 101 of 100: by a list of 73, by the directory, by two administrators at the same time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from tenants import registry
from tenants.context import use
from tenants.registry import TenantInfo
from tests.core.licensing.test_consumption import at_once
from tests.core.licensing.test_places import hold, sheet, used
from tests.core.sso.scim.conftest import USER, Directory
from tremplin.identity.importing.apply import import_people
from tremplin.identity.importing.plan import make_plan
from tremplin.identity.models import Invitation, User
from tremplin.licensing import seats
from tremplin.licensing.models import License, SeatAssignment

Sell = Callable[..., License]


def bring(tenant: TenantInfo, count: int) -> None:
    """Let ``count`` people take a place each."""
    with use(tenant):
        rows = sheet(*(f"first{number}@x.example" for number in range(count)))
        plan = make_plan(rows, kind="school", allowed_roles=["learner"])
        assert import_people(plan, invited_by=None).created == count


def again() -> TenantInfo:
    found = registry.by_slug("mecaformation")
    assert found is not None
    return found


def emails(domain: str) -> int:
    with use(again()):
        return User.objects.filter(email__endswith=domain).count()


def test_the_directory_sends_six_people_at_once_for_the_hundredth_place(
    school: TenantInfo, sell: Sell, person_of: Callable[..., Any], client_for: Callable[..., Any]
) -> None:
    from tremplin.identity.api_access import keys

    hold(sell, school, 100, **{"scim.enabled": True})
    admin = person_of(school, "nadia@boss.example")
    bring(school, 99)
    with use(school):
        _key, secret = keys.create(name="Entra", scopes=["scim"], created_by=admin)
    assert used(again()) == (99, 100)

    def post(number: int) -> tuple[int, str]:
        directory = Directory(client_for(again()), secret, again())
        body = {"schemas": [USER], "userName": f"late{number}@y.example"}
        answer = directory.send("POST", "/Users", body, **{"Accept-Language": "en"})
        return answer.status_code, answer.json().get("detail", "")[:14]

    answers = sorted(at_once(6, post, threads=6))
    assert answers == [(201, ""), *[(403, "100/100 places")] * 5]
    assert used(again()) == (100, 100)
    assert emails("@y.example") == 1
    assert seats.recount(again()) == []


def test_a_list_of_73_and_an_invitation_of_two_administrators_at_once(
    school: TenantInfo, sell: Sell, person_of: Callable[..., Any], client_for: Callable[..., Any]
) -> None:
    """28 of 100 are there: whoever comes first, the hundredth place is given once."""
    hold(sell, school, 100)
    first, second = (person_of(school, f"{name}@boss.example") for name in ("nadia", "marc"))
    bring(school, 28)
    list_of, form_of = client_for(school, first), client_for(school, second)
    lines = "".join(f"n{number}@y.example\n" for number in range(73))
    file = SimpleUploadedFile("list.csv", f"email\n{lines}".encode(), content_type="text/csv")
    sent = list_of.post(reverse("people:import"), {"file": file, "role": "learner", "cohort": ""})
    assert sent.status_code == 302

    def press(number: int) -> int:
        if number == 0:
            return int(list_of.post(sent["Location"]).status_code)
        fields = {"emails": "zoe@z.example", "roles": ["learner"], "cohort": ""}
        return int(form_of.post(reverse("people:invite"), fields).status_code)

    listed, invited = at_once(2, press, threads=2)
    assert listed == 200
    # Refused with its figures, or in: then the list had one place less.
    assert (invited, emails("@y.example"), emails("@z.example")) in {(302, 71, 1), (422, 72, 0)}
    assert used(again()) == (100, 100)
    assert SeatAssignment.objects.filter(license__tenant_id=school.pk).count() == 100
    with use(again()):
        assert Invitation.objects.filter(email__regex=r"@[xyz]\.example$").count() == 100
    assert seats.recount(again()) == []


def test_two_administrators_invite_the_same_person_at_once(
    school: TenantInfo, sell: Sell, person_of: Callable[..., Any], client_for: Callable[..., Any]
) -> None:
    hold(sell, school, 100)
    clients = [
        client_for(school, person_of(school, f"{name}@boss.example")) for name in ("nadia", "marc")
    ]
    bring(school, 98)
    fields = {"emails": "zoe@z.example", "roles": ["learner"], "cohort": ""}
    at_once(2, lambda n: clients[n].post(reverse("people:invite"), fields).status_code, threads=2)
    assert (emails("@z.example"), used(again())) == (1, (99, 100))
    assert seats.recount(again()) == []
