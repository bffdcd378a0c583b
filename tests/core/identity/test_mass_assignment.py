"""No form and no operation takes a role, a state or an end date that it does not offer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.support.people import PASSWORD

pytestmark = pytest.mark.django_db

# What an attacker adds to whatever a page sends.
HOSTILE = {
    "role": "admin", "roles": ["admin", "platform_admin"], "groups": ["admin", "1"],
    "user_permissions": ["1"], "permissions": ["identity.manage_roles"],
    "is_active": "1", "is_superuser": "1", "is_staff": "1", "is_owner": "1", "owner": "1",
    "expires_at": "2099-01-01T00:00:00Z", "removed_at": "", "suspended_reason": "",
    "session_stamp": "00000000-0000-0000-0000-000000000000", "password_hash": "!",
    "created_by": "1", "tenant": "1",
}  # fmt: skip
# It would end the session that the others need.
NEVER_SENT = frozenset({"account_logout"})


def posting_pages() -> list[tuple[str, list[str]]]:
    """Return every named address of the space's URLconf with the arguments it needs."""
    from django.urls import URLPattern, URLResolver, get_resolver

    found: dict[str, list[str]] = {}

    def walk(entries: Any, namespaces: tuple[str, ...], arguments: list[str]) -> None:
        for entry in entries:
            here = [*arguments, *entry.pattern.regex.groupindex]
            if isinstance(entry, URLResolver):
                inner = (*namespaces, entry.namespace) if entry.namespace else namespaces
                walk(entry.url_patterns, inner, here)
            elif isinstance(entry, URLPattern) and entry.name:
                found[":".join((*namespaces, entry.name))] = here

    walk(get_resolver().url_patterns, (), [])
    return sorted(found.items())


def rights(tenant: Any, inside: Any) -> dict[UUID, tuple[Any, ...]]:
    """Return what nobody may change by the way, for everyone of the space."""
    from tremplin.identity.models import SpaceOwner, User

    with inside(tenant):
        owner = SpaceOwner.objects.get().person_id
        return {
            person.pk: (
                tuple(sorted(person.groups.values_list("name", flat=True))),
                person.user_permissions.count(),
                person.is_active,
                person.is_superuser,
                person.expires_at,
                person.removed_at,
                person.pk == owner,
            )
            for person in User.objects.all()
        }


def fields_of(html: str) -> list[tuple[str, str, dict[str, list[str]]]]:
    """Return method, action and fields of each form of a page."""
    from html.parser import HTMLParser

    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.forms: list[tuple[str, str, dict[str, list[str]]]] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            values = dict(attrs)
            if tag == "form":
                self.forms.append(
                    ((values.get("method") or "get").lower(), values.get("action") or "", {})
                )
            elif tag in {"input", "select", "textarea", "button"} and self.forms:
                if name := values.get("name"):
                    self.forms[-1][2].setdefault(name, []).append(values.get("value") or "")

    reader = Reader()
    reader.feed(html)
    return reader.forms


def test_a_learner_gains_nothing_by_any_form(
    client_for: Any, tenant_a: Any, learner_a: Any, admin_a: Any, inside: Any
) -> None:
    """Every page a learner can open: each of its forms is sent with the hostile fields added."""
    from django.urls import NoReverseMatch, reverse

    client = client_for(tenant_a)
    client.post("/accounts/login/", {"login": learner_a.email, "password": PASSWORD})
    before = rights(tenant_a, inside)
    sent = set()
    for name, arguments in posting_pages():
        if arguments or name in NEVER_SENT or name.rpartition(":")[0].startswith("demo"):
            continue
        try:
            path = reverse(name)
        except NoReverseMatch:
            continue
        answers = [client.post(path, {**HOSTILE, "first_name": "Lina", "last_name": "Moreau"})]
        page = client.get(path)
        if page.status_code == 200 and "text/html" in page.get("Content-Type", ""):
            for method, action, fields in fields_of(page.content.decode()):
                target = action.split("?")[0] or path
                if method == "post" and target.startswith("/") and "logout" not in target:
                    answers.append(client.post(target, {**fields, **HOSTILE}))
                    sent.add(target)
        # 502: the page asks an identity provider that does not run here.
        assert all(a.status_code < 500 or a.status_code == 502 for a in answers), name
        if client.get("/api/v1/me").status_code != 200:  # that page signs out, rightly
            client = client_for(tenant_a)
            client.post("/accounts/login/", {"login": learner_a.email, "password": PASSWORD})
    assert rights(tenant_a, inside) == before
    assert {"/accounts/email/", "/accounts/password/change/"} <= sent


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/console/people/{person}/edit/", {"first_name": "A", "last_name": "B", "locale": "fr"}),
        ("/console/people/{person}/cohorts/", {"cohorts": []}),
        ("/console/people/{person}/sessions/", {}),
        ("/console/people/{person}/invitation/", {}),
        ("/console/people/{person}/resume/", {}),
        ("/console/cohorts/", {"name": "Une cohorte"}),
        ("/console/people/bulk/", {"action": "cohort_add"}),
        ("/preferences/language/", {"language": "fr"}),
    ],
)
def test_a_form_of_the_console_changes_what_it_offers_only(
    as_admin: Any, tenant_a: Any, learner_a: Any, inside: Any, path: str, fields: dict[str, Any]
) -> None:
    before = rights(tenant_a, inside)
    answer = as_admin.post(path.format(person=learner_a.pk), {**HOSTILE, **fields})
    assert answer.status_code in {302, 404, 405, 422}
    assert rights(tenant_a, inside) == before


def test_signing_up_gives_the_role_of_newcomers_only(
    client_for: Any, tenant_a: Any, inside: Any, policy: Any
) -> None:
    from tremplin.identity.models import User

    policy(tenant_a, signup="open")
    fields = {
        "email": "neuf@x.example", "password1": PASSWORD, "password2": PASSWORD,
        "first_name": "N", "last_name": "N",
    }  # fmt: skip
    client_for(tenant_a).post("/accounts/signup/", {**HOSTILE, **fields})
    with inside(tenant_a):
        person = User.objects.get(email="neuf@x.example")
        assert set(person.role_codes()) == {"learner"}
        assert (person.is_superuser, person.expires_at, person.user_permissions.count()) == (
            False, None, 0,
        )  # fmt: skip


def test_accepting_an_invitation_gives_the_invited_roles_only(
    client_for: Any, tenant_a: Any, inside: Any
) -> None:
    import re

    from django.core import mail

    from tremplin.identity import services
    from tremplin.identity.internal.invitation_mail import send_invitation
    from tremplin.identity.models import User

    with inside(tenant_a):
        send_invitation(services.invite("neuf@x.example", ["candidate"]).pk)
    path = re.search(r"/accounts/invitation/\S+", mail.outbox[-1].body)[0]
    fields = {"password": PASSWORD, "first_name": "N", "last_name": "N"}
    client_for(tenant_a).post(path, {**HOSTILE, **fields})
    with inside(tenant_a):
        person = User.objects.get(email="neuf@x.example")
        assert set(person.role_codes()) == {"candidate"}
        assert (person.is_superuser, person.expires_at) == (False, None)


def test_no_operation_of_the_api_changes_rights(
    client_for: Any, tenant_a: Any, learner_a: Any, admin_a: Any, inside: Any
) -> None:
    """Every operation of the schema, with the hostile fields as query and as body, by a learner."""
    client = client_for(tenant_a, learner_a)
    schema = client.get("/api/v1/openapi.json").json()
    before = rights(tenant_a, inside)
    called = 0
    for path, operations in schema["paths"].items():
        for method in set(operations) & {"post", "put", "patch", "delete", "get"}:
            target = path
            while "{" in target:
                start, _brace, rest = target.partition("{")
                target = f"{start}{learner_a.pk}{rest.partition('}')[2]}"
            answer = client.generic(
                method.upper(),
                f"{target}?role=admin&is_superuser=1&is_active=1",
                '{"role":"admin","roles":["admin"],"is_superuser":true,"expires_at":null}',
                content_type="application/json",
            )
            assert answer.status_code < 500, (method, target)
            called += 1
    assert called == sum(len(operations) for operations in schema["paths"].values())
    assert rights(tenant_a, inside) == before


# --- lists ---------------------------------------------------------------------------------------

FORMULAS = ["=1+1", "+33 1", "-2", "@SUM(A1)", "=cmd|' /C calc'!A0", "\t=1", "＝1+1"]  # noqa: RUF001


def test_formulas_are_neutral_in_the_export_and_text_in_the_import(
    as_admin: Any, tenant_a: Any, inside: Any
) -> None:
    import csv
    import io

    from tremplin.identity.importing.apply import import_people
    from tremplin.identity.importing.plan import make_plan
    from tremplin.identity.importing.reading import read_sheet
    from tremplin.identity.models import User

    rows = [["email", "first_name", "last_name"]]
    rows += [[f"f{n}@x.example", text, "Nom"] for n, text in enumerate(FORMULAS)]
    sheet = io.StringIO()
    csv.writer(sheet).writerows(rows)

    def read(content: bytes) -> dict[str, str]:
        with inside(tenant_a):
            plan = make_plan(read_sheet(content), kind="school", allowed_roles=["learner"])
            assert plan.problems == []
            return {row.email: row.first_name for row in plan.new}

    kept = {f"f{n}@x.example": text.strip() for n, text in enumerate(FORMULAS)}
    assert read(sheet.getvalue().encode()) == kept
    with inside(tenant_a):
        plan = make_plan(
            read_sheet(sheet.getvalue().encode()), kind="school", allowed_roles=["learner"]
        )
        import_people(plan, invited_by=None, invite=False)
        assert (
            dict(User.objects.filter(email__startswith="f").values_list("email", "first_name"))
            == kept
        )
    exported = as_admin.get("/console/people/export/?q=nom").content
    lines = list(csv.reader(io.StringIO(exported.decode("utf-8-sig")), delimiter=";"))
    assert {line[0]: line[1] for line in lines[1:]} == {
        email: f"'{text}" for email, text in kept.items()
    }
    # Taken back in, the list says the same names as before.
    with inside(tenant_a):
        User.objects.filter(email__startswith="f").delete()
    assert read(exported) == kept
