"""Plugin pages and operations behind the core wrapper: login, tenant, mode, permission."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from django.test import override_settings
from django.urls import path, reverse
from ninja import NinjaAPI

from tremplin.kernel import gate
from tremplin.kernel.problems import install_problem_handlers
from tremplin.kernel.routing import plugin_routers, urlpatterns_of

pytestmark = pytest.mark.django_db
_numbers = itertools.count()


@pytest.fixture
def site(support: Callable[..., Any], tenant_a: Any, inside: Any) -> Iterator[Any]:
    """Mount the dummy beside the product's pages and switch it on in one space."""
    from tremplin.config import urls

    support("dummy")
    api = NinjaAPI(urls_namespace=f"kr{next(_numbers)}", docs_url=None)
    install_problem_handlers(api)
    for mounted in plugin_routers():
        if mounted.path.startswith("dummy"):
            # A router is mounted once per process, a test mounts the module's router again.
            api.add_router(mounted.path, mounted.router, auth=mounted.auth)
    module = ModuleType("kr_urls")
    module.urlpatterns = [  # type: ignore[attr-defined]
        *urlpatterns_of("dummy"),
        path("api/v1/", api.urls),
        *urls.urlpatterns,
    ]
    for name in ("handler400", "handler403", "handler404", "handler500"):
        setattr(module, name, getattr(urls, name))
    sys.modules["kr_urls"] = module
    gate.set_licence(tenant_a, "dummy", "on", reason="test")
    gate.activate(tenant_a, "dummy")
    with override_settings(ROOT_URLCONF="kr_urls"):
        yield module
    del sys.modules["kr_urls"]


@pytest.fixture
def people(tenant_a: Any, inside: Any) -> dict[str, Any]:
    """A person with the dummy's right, one without, and an administrator."""
    from django.contrib.auth.models import Permission
    from django.contrib.contenttypes.models import ContentType

    from tremplin.identity.services import create_person

    with inside(tenant_a):
        found = {
            "member": create_person(email="member@example.org", roles=("learner",)),
            "other": create_person(email="other@example.org", roles=("recruiter",)),
            "admin": create_person(email="admin@example.org", roles=("admin",)),
        }
        kind = ContentType.objects.get_or_create(app_label="dummy", model="module")[0]
        right, _new = Permission.objects.get_or_create(
            content_type=kind, codename="use", defaults={"name": "use"}
        )
        found["member"].user_permissions.add(right)
    return found


@pytest.fixture
def visitors(site: Any, people: dict[str, Any], tenant_a: Any, client_for: Any) -> dict[str, Any]:
    clients = {name: client_for(tenant_a, person) for name, person in people.items()}
    return {"nobody": client_for(tenant_a), **clients}


def _statuses(visitors: dict[str, Any], url: str, method: str = "get") -> dict[str, int]:
    return {name: getattr(client, method)(url).status_code for name, client in visitors.items()}


def test_addresses_are_mounted_by_convention(site: Any) -> None:
    assert reverse("dummy:home") == "/app/dummy/"
    assert reverse("dummy:missing") == "/app/dummy/inner/missing/"
    assert reverse("dummy_console:home") == "/console/dummy/"
    assert reverse("dummy_public:open") == "/dummy-public/"


def test_who_reaches_what(visitors: dict[str, Any]) -> None:
    assert _statuses(visitors, "/app/dummy/") == {
        "nobody": 302,
        "member": 200,
        "other": 200,
        "admin": 200,
    }
    assert _statuses(visitors, "/app/dummy/guarded/") == {
        "nobody": 302,
        "member": 200,
        "other": 403,
        "admin": 403,
    }
    assert _statuses(visitors, "/console/dummy/") == {
        "nobody": 302,
        "member": 200,
        "other": 403,
        "admin": 403,
    }
    assert set(_statuses(visitors, "/dummy-public/").values()) == {200}


def test_nobody_is_sent_to_the_sign_in_page_and_back(visitors: dict[str, Any]) -> None:
    answer = visitors["nobody"].get("/app/dummy/?page=2")
    assert answer["Location"] == "/accounts/login/?next=%2Fapp%2Fdummy%2F%3Fpage%3D2"
    answer = visitors["nobody"].get(
        "/app/dummy/",
        headers={"HX-Request": "true", "HX-Current-URL": "http://mecaformation.localhost/app/"},
    )
    assert (answer.status_code, answer["HX-Redirect"]) == (204, "/accounts/login/?next=%2Fapp%2F")
    answer = visitors["nobody"].post("/app/dummy/")
    assert answer["Location"] == "/accounts/login/?next=%2Fapp%2F"


def test_a_problem_becomes_a_page(visitors: dict[str, Any]) -> None:
    assert visitors["member"].get("/app/dummy/inner/missing/").status_code == 404
    assert visitors["member"].get("/app/dummy/forbidden/").status_code == 403


def test_another_space_gets_nothing(site: Any, tenant_b: Any, inside: Any, client_for: Any) -> None:
    from tremplin.identity.services import create_person

    with inside(tenant_b):
        stranger = create_person(email="stranger@example.org", roles=("learner",))
    client = client_for(tenant_b, stranger)
    for url in ("/app/dummy/", "/console/dummy/", "/dummy-public/", "/api/v1/dummy/things/"):
        assert client.get(url).status_code == 404, url


def test_a_module_that_is_off_answers_404_and_tells_who_may_switch_it_on(
    visitors: dict[str, Any], tenant_a: Any
) -> None:
    gate.deactivate(tenant_a, "dummy")
    for url in ("/app/dummy/", "/console/dummy/", "/dummy-public/"):
        assert set(_statuses(visitors, url).values()) == {404}, url
    page = visitors["admin"].get("/app/dummy/").content.decode()
    assert "/console/modules/dummy/" in page
    assert "/console/modules/dummy/" not in visitors["member"].get("/app/dummy/").content.decode()
    answers = {
        name: (client.get("/api/v1/dummy/things/").status_code) for name, client in visitors.items()
    }
    assert set(answers.values()) == {404}


def test_a_read_only_module_reads_and_refuses_to_write(
    visitors: dict[str, Any], tenant_a: Any
) -> None:
    gate.set_licence(tenant_a, "dummy", "read_only", reason="test")
    member = visitors["member"]
    assert member.get("/app/dummy/").content == b"home GET"
    page = member.post("/app/dummy/")
    assert page.status_code == 402
    assert 'data-testid="problem-page"' in page.content.decode()
    part = member.post("/app/dummy/", headers={"HX-Request": "true"})
    assert part.status_code == 402
    assert part.content.decode().strip().startswith('<div class="alert"')
    assert member.get("/api/v1/dummy/things/").status_code == 200
    answer = member.post("/api/v1/dummy/things/", {"value": 3}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (402, "module_read_only")
    assert visitors["nobody"].post("/app/dummy/").status_code == 302


def test_operations_answer_problems_with_stable_codes(
    visitors: dict[str, Any], people: dict[str, Any]
) -> None:
    def send(name: str, body: Any = None, url: str = "things/") -> tuple[int, str]:
        client = visitors[name]
        address = f"/api/v1/dummy/{url}"
        if body is None:
            answer = client.get(address)
        else:
            answer = client.post(address, body, content_type="application/json")
        kind = answer["Content-Type"]
        if answer.status_code != 200:
            assert kind == "application/problem+json"
        return answer.status_code, answer.json().get("code", "")

    assert send("nobody") == (401, "authentication_required")
    assert send("member") == (200, "")
    assert visitors["member"].get("/api/v1/dummy/things/").json() == {
        "person": str(people["member"].pk)
    }
    assert send("other", {"value": 1}) == (403, "permission_denied")
    assert send("member", {"value": 1}) == (200, "")
    assert send("member", {"value": "many"}) == (422, "validation_failed")
    assert send("member", {"value": 101}) == (409, "dummy_too_many")
    assert send("member", url="broken/") == (500, "internal_error")
    assert send("member", url="absent/")[0] == 404
    assert send("nobody", url="open/status/") == (200, "")


def test_a_problem_names_the_field_and_the_request(visitors: dict[str, Any]) -> None:
    answer = visitors["member"].post(
        "/api/v1/dummy/things/",
        {"value": "many"},
        content_type="application/json",
        headers={"X-Request-ID": "abcdef123456"},
    )
    body = answer.json()
    assert body["errors"][0]["location"] == ["body", "number", "value"]
    assert (body["request_id"], answer["X-Request-ID"]) == ("abcdef123456", "abcdef123456")


def test_a_write_without_csrf_token_is_refused(
    site: Any, people: dict[str, Any], tenant_a: Any, client_for: Any
) -> None:
    client = client_for(tenant_a, people["member"], enforce_csrf_checks=True)
    answer = client.post("/api/v1/dummy/things/", {"value": 1}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")
    assert client.post("/app/dummy/").status_code == 403
    assert client.get("/api/v1/dummy/things/").status_code == 200


def test_a_module_counts_what_its_plan_allows(visitors: dict[str, Any], tenant_a: Any) -> None:
    """The default of its manifest holds while the plan does not name the feature."""
    from uuid import uuid4

    from tenants.context import public_write
    from tremplin.licensing import services, snapshots
    from tremplin.licensing.models import Plan, PlanVersion

    def count(key: str) -> Any:
        return visitors["member"].post(
            "/api/v1/dummy/counted/", {"key": key}, content_type="application/json"
        )

    free = count(str(uuid4())).json()
    assert free == {"counted": True, "used": 0, "remaining": None}
    with public_write("test"):
        plan = Plan.objects.create(key="dummy-plan", name_en="P", name_fr="P")
        version = PlanVersion.objects.create(plan=plan, number=1)
    services.grant_plan(tenant_a, version, source="manual")
    snapshots.forget(tenant_a.pk)
    key = str(uuid4())
    # One unit was counted before anything was sold: one of the two is left.
    assert count(key).json() == {"counted": True, "used": 2, "remaining": 0}
    assert count(key).json() == {"counted": False, "used": 2, "remaining": 0}
    refused = count(str(uuid4()))
    assert refused.status_code == 402
    body = refused.json()
    assert (body["code"], body["feature"], body["limit"], body["used"], body["upgrade_url"]) == (
        "quota_exceeded", "dummy.things", 2, 2, "/console/billing/",
    )  # fmt: skip
