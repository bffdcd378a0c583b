"""Who may call, how much at once, what a search costs, and that spaces never meet."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.core.sso.scim.conftest import ERROR, PATCH, Directory

pytestmark = pytest.mark.django_db
LINA = "lina@x.example"


def refused(answer: Any, status: int, code: str | None = None) -> None:
    """Check that an answer is a SCIM error with this status and code."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/scim+json"
    body = answer.json()
    assert (body["schemas"], body["status"], body.get("scimType")) == ([ERROR], str(status), code)
    assert body["detail"]


# --- who may call ---------------------------------------------------------------------------------


def test_only_the_configuration_is_public(client_for: Any, tenant_a: Any, admin: Any) -> None:
    for client in (client_for(tenant_a), client_for(tenant_a, admin)):
        anonymous = Directory(client, "", tenant_a)
        found = anonymous.get("/ServiceProviderConfig")
        assert found.status_code == 200
        assert found.json()["authenticationSchemes"][0]["type"] == "oauthbearertoken"
        assert found.json()["pagination"]["cursor"] is False
        for path in ("", "/", "/Users", "/Groups", "/Schemas", "/ResourceTypes", "/Me", "/x/y/z"):
            answer = anonymous.get(path or "/scim/v2/")
            refused(answer, 401)
            assert answer["WWW-Authenticate"] == 'Bearer realm="SCIM"'
        refused(anonymous.send("POST", "/ServiceProviderConfig", {}), 401)


@pytest.fixture
def admin(make_admin: Any, tenant_a: Any) -> Any:
    return make_admin(tenant_a, "chief@x.example")


@pytest.mark.parametrize("token", ["x", "trk_aaaaaaaa_" + "b" * 43, "é", "x" * 5000, "a b"])
def test_a_wrong_token_opens_nothing(client_for: Any, tenant_a: Any, token: str) -> None:
    refused(Directory(client_for(tenant_a), token, tenant_a).get("/Users"), 401)


def test_a_token_of_another_space_opens_nothing(
    directory: Directory, directory_b: Directory, client_for: Any
) -> None:
    for own, other in ((directory, directory_b), (directory_b, directory)):
        assert own.get("/Users").status_code == 200
        refused(Directory(other.client, own.token, other.tenant).get("/Users"), 401)


def test_ids_and_filters_of_another_space_find_nothing(
    directory: Directory, directory_b: Directory
) -> None:
    for own, other, name in ((directory, directory_b, "a"), (directory_b, directory, "b")):
        user = own.user(f"{name}@x.example", externalId=f"ext-{name}")["id"]
        group = own.group(f"Group {name}", user)["id"]
        for path in (f"/Users/{user}", f"/Groups/{group}"):
            refused(other.get(path), 404)
            refused(other.patch(path, {"op": "replace", "path": "displayName", "value": "x"}), 404)
            refused(other.send("PUT", path, {"userName": "x", "displayName": "x"}), 404)
            refused(other.send("DELETE", path), 404)
        for condition in (
            f'userName eq "{name}@x.example"',
            f'externalId eq "ext-{name}"',
            f'id eq "{user}"',
            f'userName co "{name}@"',
        ):
            found = other.client.get(
                "/scim/v2/Users",
                {"filter": condition},
                headers={"Authorization": f"Bearer {other.token}"},
            )
            assert found.json()["totalResults"] == 0
        refused(
            other.send("POST", "/Groups", {"displayName": "Z", "members": [{"value": user}]}),
            400,
            "invalidValue",
        )
        assert own.get(f"/Users/{user}").json()["userName"] == f"{name}@x.example"


def test_scope_and_creator_are_checked_at_each_call(
    make_directory: Any, make_admin: Any, tenant_a: Any, inside: Any
) -> None:
    from tremplin.identity import services

    creator = make_admin(tenant_a)
    narrow = make_directory(tenant_a, creator, scopes=("identity:read",))
    good = make_directory(tenant_a, creator)
    refused(narrow.get("/Users"), 403)
    assert good.get("/Users").status_code == 200
    with inside(tenant_a):
        services.set_roles(creator, ["trainer"])
    refused(good.get("/Users"), 403)
    with inside(tenant_a):
        services.suspend(creator, "Left")
    refused(good.get("/Users"), 401)


def test_a_rotated_key_overlaps_then_only_the_new_one_works(
    directory: Directory, inside: Any
) -> None:
    from django.utils import timezone

    from tremplin.identity.api_access import keys
    from tremplin.identity.models import ApiKey

    with inside(directory.tenant):
        key = ApiKey.objects.get()
        fresh = Directory(
            directory.client, keys.rotate(key, overlap=timedelta(days=1)), directory.tenant
        )
    assert [item.get("/Users").status_code for item in (directory, fresh)] == [200, 200]
    with inside(directory.tenant):
        ApiKey.objects.update(previous_until=timezone.now() - timedelta(seconds=1))
    assert [item.get("/Users").status_code for item in (directory, fresh)] == [401, 200]
    with inside(directory.tenant):
        keys.revoke(ApiKey.objects.get())
    refused(fresh.get("/Users"), 401)


@pytest.fixture
def ask_token(client_for: Any, tenant_a: Any, admin: Any, inside: Any) -> Any:
    """Return ``ask_token(scope)``: what an application of the space gets for its credentials."""
    from tremplin.identity.api_access import clients

    def ask(scope: str) -> str:
        with inside(tenant_a):
            application, secret = clients.create(name="Okta", scopes=[scope], created_by=admin)
        answer = client_for(tenant_a).post(
            "/identity/o/api/token",
            {
                "grant_type": "client_credentials",
                "client_id": application.pk,
                "client_secret": secret,
                "scope": scope,
            },
        )
        assert answer.status_code == 200, answer.content
        return str(answer.json()["access_token"])

    return ask


def test_an_application_calls_with_its_own_token(
    ask_token: Any, client_for: Any, tenant_a: Any, tenant_b: Any, inside: Any
) -> None:
    from allauth.idp.oidc.models import Token
    from django.utils import timezone

    token = ask_token("scim")
    own = Directory(client_for(tenant_a), token, tenant_a)
    assert own.user(LINA)["userName"] == LINA
    refused(Directory(client_for(tenant_b), token, tenant_b).get("/Users"), 401)
    narrow = Directory(client_for(tenant_a), ask_token("identity:read"), tenant_a)
    refused(narrow.get("/Users"), 403)
    with inside(tenant_a):
        Token.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    refused(own.get("/Users"), 401)


def test_a_token_of_a_person_is_not_one_of_an_application(
    ask_token: Any, client_for: Any, tenant_a: Any, admin: Any, inside: Any
) -> None:
    from allauth.idp.oidc.models import Token

    own = Directory(client_for(tenant_a), ask_token("scim"), tenant_a)
    with inside(tenant_a):
        Token.objects.update(user=admin)
    refused(own.get("/Users"), 401)


def test_calls_are_limited_per_key_and_failures_per_address(
    directory: Directory, directory_b: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tremplin.sso.scim import limits

    monkeypatch.setattr(limits, "CALLS_PER_MINUTE", 2)
    monkeypatch.setattr(limits, "FAILURES_PER_MINUTE", 1)
    answers = [directory.get("/Users") for _ in range(3)]
    assert [item.status_code for item in answers] == [200, 200, 429]
    refused(answers[-1], 429)
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60
    assert directory_b.get("/Users").status_code == 200
    stranger = Directory(directory.client, "nothing", directory.tenant)
    assert [stranger.get("/Users").status_code for _ in range(2)] == [401, 429]


# --- hostile requests ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "condition",
    [
        "userName",
        "userName eq",
        'userName eq "x',
        'nothing eq "x"',
        'userName zz "x"',
        "active gt true",
        'userName eq "x" and',
        "(" * 40 + 'userName eq "x"',
        "not (" * 40 + 'userName eq "x"' + ")" * 40,
        " or ".join(['userName eq "x"'] * 500),
        'userName eq "' + "x" * 3000 + '"',
        "' OR 1=1 --",
    ],
)
@pytest.mark.parametrize("by_body", [False, True])
def test_bad_filters_are_refused_quickly(
    directory: Directory, condition: str, by_body: bool
) -> None:
    started = time.thread_time()
    if by_body:
        answer = directory.send("POST", "/Users/.search", {"filter": condition})
    else:
        from urllib.parse import urlencode

        answer = directory.get(f"/Users?{urlencode({'filter': condition})}")
    code = "invalidFilter" if by_body or len(condition) < 8000 else "invalidValue"
    refused(answer, 400, code)
    assert time.thread_time() - started < 20


@pytest.mark.parametrize(
    "query",
    [
        {"filter": 'userName eq "a\\u0000b"'},
        {"filter": 'userName eq "\\ud800"'},
        {"startIndex": "9" * 23},
    ],
)
def test_a_search_for_what_cannot_be_stored_is_refused(
    directory: Directory, query: dict[str, str]
) -> None:
    from urllib.parse import urlencode

    refused(directory.get(f"/Users?{urlencode(query)}"), 400, "invalidValue")


def test_a_path_of_a_patch_is_bounded_too(directory: Directory) -> None:
    user = directory.user(LINA)["id"]
    path = "emails[" + "(" * 1500 + 'type eq "work"' + ")" * 1500 + "]"
    refused(directory.patch(f"/Users/{user}", {"op": "remove", "path": path}), 400, "invalidFilter")
    many = [{"op": "remove", "path": "title"}] * 1001
    refused(directory.patch(f"/Users/{user}", *many), 413)
    nested = {"method": "PATCH", "path": f"/Users/{user}", "data": {"Operations": many}}
    refused(directory.send("POST", "/Bulk", {"Operations": [nested]}), 413)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalidSyntax"),
        (b"{", 400, "invalidSyntax"),
        (b"[" * 100_000, 400, "invalidSyntax"),
        (b"\xff\xfe", 400, "invalidSyntax"),
        (b'{"userName": "a\\u0000b"}', 400, "invalidValue"),
        (b'{"userName": "a\x00b"}', 400, "invalidValue"),
        (b'{"userName": "\\ud800"}', 400, "invalidSyntax"),
        (b'{"userName": 12}', 400, "invalidValue"),
        (b'{"userName": ""}', 400, "invalidValue"),
        (b'{"name": {}}', 400, "invalidValue"),
        (b'{"userName": "' + b"x" * 301 + b'"}', 400, "invalidValue"),
        (b'{"userName": "x", "externalId": "' + b"x" * 301 + b'"}', 400, "invalidValue"),
        (b'{"userName": "' + b"x" * 1_048_576 + b'"}', 413, None),
    ],
)
def test_bad_bodies_are_refused(
    directory: Directory, body: bytes, status: int, code: str | None
) -> None:
    refused(directory.send("POST", "/Users", body), status, code)
    assert directory.get("/Users").json()["totalResults"] == 0


def test_a_text_may_hold_a_backslash_before_u0000(directory: Directory) -> None:
    assert directory.user("a\\u0000b")["userName"] == "a\\u0000b"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/Users/nothing", 404),
        ("GET", "/Nothing", 404),
        ("GET", "/Me", 501),
        ("DELETE", "/Users", 405),
        ("POST", "/Schemas", 405),
        ("GET", "/Users?cursor=", 501),
        ("GET", "/Schemas?filter=x", 403),
        ("GET", "/Users?count=x", 400),
        ("GET", "/Users?" + "x" * 9000, 400),
    ],
)
def test_errors_are_scim_errors(directory: Directory, method: str, path: str, status: int) -> None:
    answer = directory.send(method, path, {} if method == "POST" else None)
    assert answer.status_code == status
    assert answer.json()["schemas"] == [ERROR]


def test_bulk_is_bounded_and_each_operation_stands_alone(directory: Directory) -> None:
    post = {"method": "POST", "path": "/Users"}
    operations = [
        {**post, "bulkId": "1", "data": {"userName": "a@x.example"}},
        {**post, "bulkId": "2", "data": {"userName": "A@x.example"}},
        {
            "method": "POST",
            "path": "/Groups",
            "bulkId": "3",
            "data": {"displayName": "G", "members": [{"value": "bulkId:1"}]},
        },
    ]
    answer = directory.send("POST", "/Bulk", {"Operations": operations})
    assert [item["status"] for item in answer.json()["Operations"]] == ["201", "409", "201"]
    assert directory.get("/Users").json()["totalResults"] == 1
    many = [{**post, "bulkId": str(n), "data": {"userName": f"u{n}"}} for n in range(201)]
    refused(directory.send("POST", "/Bulk", {"Operations": many}), 413)
    assert directory.get("/Users").json()["totalResults"] == 1


# --- versions and concurrency --------------------------------------------------------------------


def test_an_old_version_is_refused(directory: Directory) -> None:
    user = directory.user(LINA)
    path, version = f"/Users/{user['id']}", user["meta"]["version"]
    change = {"op": "replace", "path": "title", "value": "one"}
    assert directory.patch(path, change, **{"If-Match": version}).status_code == 204
    refused(directory.patch(path, {**change, "value": "2"}, **{"If-Match": version}), 412)
    refused(directory.send("DELETE", path, **{"If-Match": version}), 412)
    now = directory.get(path)
    assert (now["ETag"], now.json()["title"]) == ('W/"2"', "one")
    assert directory.get(path, **{"If-None-Match": 'W/"2"'}).status_code == 304


# --- a large space -------------------------------------------------------------------------------


@pytest.fixture
def crowd(directory: Directory, inside: Any) -> Directory:
    """20,000 users, each with a person, and a group of all of them."""
    from tremplin.identity.models import Cohort, User
    from tremplin.sso.models import ScimRecord

    with inside(directory.tenant):
        people = User.objects.bulk_create(
            [
                User(email=f"u{n:05}@x.example", password="!", search_text=f"u{n:05}")
                for n in range(20_000)
            ],
            batch_size=2_000,
        )
        records = ScimRecord.objects.bulk_create(
            [
                ScimRecord(
                    resource_type="User",
                    unique_key=person.email,
                    external_id=f"e{n}",
                    user=person,
                    document={
                        "userName": person.email,
                        "externalId": f"e{n}",
                        "active": True,
                        "emails": [{"value": f"Mail{n}@x.example", "type": "work"}],
                    },
                )
                for n, person in enumerate(people)
            ],
            batch_size=2_000,
        )
        ScimRecord.objects.create(
            resource_type="Group",
            unique_key="all",
            cohort=Cohort.objects.create(name="All", slug="all"),
            document={
                "displayName": "All",
                "members": [
                    {"value": str(item.pk), "$ref": f"Users/{item.pk}"} for item in records
                ],
            },
        )
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return directory


def test_searches_in_a_space_of_twenty_thousand(crowd: Directory) -> None:
    from urllib.parse import urlencode

    def search(endpoint: str = "Users", **query: Any) -> tuple[int, int, int]:
        with CaptureQueriesContext(connection) as queries:
            started = time.thread_time()
            body = crowd.get(f"/{endpoint}?{urlencode(query)}").json()
            assert time.thread_time() - started < 20
        own = [query for query in queries if "sso_scimrecord" in query["sql"]]
        return body["totalResults"], len(body["Resources"]), len(own)

    crowd.get("/Users?count=1")
    base = search(filter='userName eq "U00007@x.example"')
    assert base[:2] == (1, 1)
    assert search(count=100, startIndex=19_951)[:2] == (20_000, 50)
    assert search(count=5000)[:2] == (20_000, 1_000)
    assert search(count=0)[:2] == (20_000, 0)
    assert search(count=10, sortBy="userName", sortOrder="descending")[:2] == (20_000, 10)
    assert search(filter='externalId eq "e19999"')[:2] == (1, 1)
    assert search(filter='emails[type eq "work"].value eq "mail123@x.example"')[:2] == (1, 1)
    assert search(filter='emails.value eq "MAIL123@x.example" and active eq true')[:2] == (1, 1)
    assert search(filter='userName sw "u0012"')[:2] == (10, 10)
    assert search("Groups", filter='displayName eq "ALL"', excludedAttributes="members")[:2] == (
        1,
        1,
    )
    queries = {search(count=count, filter='userName sw "u001"')[2] for count in (1, 10, 100)} | {
        search(count=count, sortBy="userName")[2] for count in (1, 10, 500)
    }
    assert queries | {base[2]} == {3}  # how many, which, and the groups of their people

    for vague in ("active eq true", 'userName co "@"', 'not (userName eq "x")', "userName pr"):
        started = time.thread_time()
        refused(crowd.get(f"/Users?{urlencode({'filter': vague})}"), 400, "tooMany")
        assert time.thread_time() - started < 20


@pytest.mark.usefixtures("quiet_registry")
def test_a_group_of_twenty_thousand_changes_in_bounded_time(crowd: Directory) -> None:
    group = crowd.get("/Groups?excludedAttributes=members").json()["Resources"][0]
    assert "members" not in group
    path = f"/Groups/{group['id']}"
    first = [item["value"] for item in crowd.get(path).json()["members"][:100]]
    removal = [{"op": "Remove", "path": f'members[value eq "{item}"]'} for item in first]
    with CaptureQueriesContext(connection) as removing:
        assert crowd.patch(path, *removal).status_code == 204
    added = {"op": "Add", "path": "members", "value": [{"value": first[0]}]}
    with CaptureQueriesContext(connection) as adding:
        assert crowd.patch(path, added).status_code == 204
    # The same for a group of ten: the members that stay are not read one by one.
    assert (len(removing), len(adding)) == (20, 21)
    assert len(crowd.get(path).json()["members"]) == 19_901
    refused(crowd.patch(path, *[{"op": "replace", "path": "externalId", "value": "x"}] * 11), 413)


def test_the_body_of_a_patch_may_be_bulk(directory: Directory) -> None:
    user = directory.user(LINA)["id"]
    patch = {
        "schemas": [PATCH],
        "Operations": [{"op": "replace", "path": "active", "value": "False"}],
    }
    operation = {"method": "PATCH", "path": f"/Users/{user}", "data": patch}
    answer = directory.send("POST", "/Bulk", json.dumps({"Operations": [operation]}).encode())
    assert [item["status"] for item in answer.json()["Operations"]] == ["200"]
    assert directory.get(f"/Users/{user}").json()["active"] is False
