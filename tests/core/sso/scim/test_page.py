"""The directory page: tokens shown once, roles with a preview, refusals in words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.sso.scim.conftest import Directory

pytestmark = pytest.mark.django_db
PAGE = "/console/sso/directory/"


@pytest.fixture
def chief(make_admin: Any, tenant_a: Any) -> Any:
    return make_admin(tenant_a, "chief@x.example")


@pytest.fixture
def console(client_for: Any, tenant_a: Any, chief: Any, settings: Any) -> Any:
    client = client_for(tenant_a, chief)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
    return client


def test_only_those_who_set_up_sign_on_see_it(client_for: Any, tenant_a: Any, inside: Any) -> None:
    from tremplin.identity import services

    with inside(tenant_a):
        trainer = services.create_person(email="t@x.example", roles=["trainer"])
    for path in ("", "token/", "role/"):
        send = "get" if not path else "post"
        assert getattr(client_for(tenant_a), send)(PAGE + path).status_code == 302
        assert getattr(client_for(tenant_a, trainer), send)(PAGE + path).status_code == 403


def test_the_empty_page_teaches(console: Any, tenant_a: Any) -> None:
    text = console.get(PAGE).content.decode()
    assert f'value="http://{tenant_a.primary_host}/scim/v2"' in text
    assert 'data-testid="steps-entra"' in text
    assert 'data-testid="steps-okta"' in text
    assert 'data-testid="directory-tokens"' not in text


def test_a_token_is_shown_once_and_works(
    console: Any, client_for: Any, tenant_a: Any, tenant_b: Any
) -> None:
    created = console.post(PAGE + "token/", {"action": "create", "name": "Entra ID"})
    secret = created.context["secret"]

    assert (created.status_code, created["Cache-Control"]) == (200, "no-store")
    assert secret in created.content.decode()
    assert secret not in console.get(PAGE).content.decode()
    assert Directory(client_for(tenant_a), secret, tenant_a).get("/Users").status_code == 200
    assert Directory(client_for(tenant_b), secret, tenant_b).get("/Users").status_code == 401
    assert [row.key.name for row in console.get(PAGE).context["tokens"]] == ["Entra ID"]


def test_a_token_needs_a_name(console: Any) -> None:
    answer = console.post(PAGE + "token/", {"action": "create", "name": " "})
    assert (answer.status_code, list(answer.context["token_form"].errors)) == (422, ["name"])
    assert answer.context["tokens"] == []


def test_renewing_and_revoking(console: Any, client_for: Any, tenant_a: Any) -> None:
    def status(secret: str) -> int:
        return int(Directory(client_for(tenant_a), secret, tenant_a).get("/Users").status_code)

    first = console.post(PAGE + "token/", {"action": "create", "name": "Okta"}).context["secret"]
    prefix = first.split("_")[1]
    second = console.post(
        PAGE + "token/", {"action": "rotate", "key": prefix, "overlap": "1"}
    ).context["secret"]
    both = [status(first), status(second)]
    third = console.post(
        PAGE + "token/", {"action": "rotate", "key": prefix, "overlap": "0"}
    ).context["secret"]
    after = [status(first), status(second), status(third)]
    bad = console.post(PAGE + "token/", {"action": "rotate", "key": prefix, "overlap": "99"})
    revoked = console.post(PAGE + "token/", {"action": "revoke", "key": prefix})

    assert (both, after) == ([200, 200], [401, 401, 200])
    assert (bad.status_code, revoked.status_code, status(third)) == (302, 302, 401)
    assert console.get(PAGE).context["tokens"] == []
    assert console.post(PAGE + "token/", {"action": "revoke", "key": prefix}).status_code == 404


def test_other_keys_are_not_tokens_of_the_directory(
    console: Any, chief: Any, inside: Any, tenant_a: Any
) -> None:
    from tremplin.identity.api_access import keys

    with inside(tenant_a):
        key, _secret = keys.create(name="x", scopes=["identity:read"], created_by=chief)
    assert console.get(PAGE).context["tokens"] == []
    for action in ("revoke", "rotate"):
        answer = console.post(PAGE + "token/", {"action": action, "key": key.prefix})
        assert answer.status_code == 404


def test_a_role_is_previewed_then_given_and_taken(
    console: Any, directory: Directory, inside: Any, person: Any
) -> None:
    from tremplin.identity.models import Cohort

    users = [directory.user(f"{letter}@x.example")["id"] for letter in "ab"]
    directory.group("Trainers", *users)
    with inside(directory.tenant):
        cohort = Cohort.objects.get(name="Trainers")
    form = {"cohort": str(cohort.pk), "role": "trainer"}

    preview = console.post(PAGE + "role/", {**form, "action": "preview"})
    before = person("a@x.example").role_codes()
    saved = console.post(PAGE + "role/", {**form, "action": "save"})
    given = person("a@x.example").role_codes()
    again = console.post(PAGE + "role/", {**form, "action": "preview"})
    (row,) = console.get(PAGE).context["mappings"]
    removed = console.post(PAGE + "role/", {"action": "remove", "mapping": str(row.mapping.pk)})

    assert [item.email for item in preview.context["preview"]] == ["a@x.example", "b@x.example"]
    assert (before, given) == ({"learner"}, {"learner", "trainer"})
    assert (saved.status_code, removed.status_code) == (302, 302)
    assert again.context["preview"] == []
    assert person("a@x.example").role_codes() == {"learner"}
    assert console.get(PAGE).context["mappings"] == []


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"role": "admin"}, 422),
        ({"role": "platform_admin"}, 422),
        ({"cohort": "00000000-0000-0000-0000-000000000001"}, 422),
        ({"cohort": "x"}, 422),
        ({"action": "remove", "mapping": "x"}, 404),
        ({"action": "remove", "mapping": "00000000-0000-0000-0000-000000000001"}, 404),
    ],
)
def test_the_table_refuses(
    console: Any, directory: Directory, inside: Any, change: dict[str, str], status: int
) -> None:
    from tremplin.identity import services
    from tremplin.identity.models import Cohort
    from tremplin.sso.models import CohortRole

    directory.group("Trainers", directory.user("a@x.example")["id"])
    with inside(directory.tenant):
        by_hand = services.ensure_cohort("By hand")
        cohort = Cohort.objects.get(name="Trainers")
    form = {"cohort": str(cohort.pk), "role": "trainer", "action": "save"}
    assert console.post(PAGE + "role/", {**form, **change}).status_code == status
    assert console.post(PAGE + "role/", {**form, "cohort": str(by_hand.pk)}).status_code == 422
    with inside(directory.tenant):
        assert CohortRole.objects.count() == 0


def test_figures_and_refusals(console: Any, directory: Directory) -> None:
    user = directory.user("a@x.example")["id"]
    directory.user("no-address")
    directory.group("Trainers", user)
    directory.send("POST", "/Users", {"userName": "A@x.example"})
    directory.send("DELETE", "/Groups/none")
    directory.get("/Users/none")

    context = console.get(PAGE).context

    figures = context["figures"]
    assert (figures.users, figures.groups, figures.without_address) == (2, 1, 1)
    assert [(row.action, row.reason[:22]) for row in context["refusals"]] == [
        ("Delete a group", "The person or group is"),
        ("Create a user", "The name or e-mail add"),
    ]


def test_a_token_whose_creator_left_says_so(
    console: Any, make_directory: Any, inside: Any, tenant_a: Any, make_admin: Any
) -> None:
    from tremplin.identity import services

    other = make_admin(tenant_a, "other@x.example")
    make_directory(tenant_a, other)
    works = console.get(PAGE).context["tokens"][0].problem
    with inside(tenant_a):
        services.set_roles(other, ["learner"])
    demoted = console.get(PAGE).context["tokens"][0].problem
    with inside(tenant_a):
        services.suspend(other, "Left")
    closed = console.get(PAGE).context["tokens"][0].problem

    assert (works, demoted, closed) == (
        "",
        "Stopped: its creator may no longer set up single sign-on",
        "Stopped: the account of its creator is closed",
    )
