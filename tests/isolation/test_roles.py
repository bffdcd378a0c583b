"""Who may open what: every role asks every address and every operation of the API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from tenants.context import use
from tests.isolation import world as worlds
from tests.isolation.asking import ask
from tests.isolation.routes import Route, routes
from tests.isolation.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _only_statuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave templates and the note of the last activity out: thousands of pages are asked for.

    ``test_matrix`` asks the same addresses in full.
    """
    from django.template.base import Template

    from tremplin.identity.middleware import PersonMiddleware

    monkeypatch.setattr(Template, "render", lambda self, context: "")
    monkeypatch.setattr(PersonMiddleware, "_note_activity", lambda self, request: None)


SCHOOL_ROLES = (
    "candidate", "learner", "professional", "recruiter", "coach", "trainer", "manager", "dpo",
    "admin",
)  # fmt: skip
PLATFORM_ROLES = {
    "hq": ("member", "billing", "support", "platform_admin"),
    "passerelle": ("reseller_staff", "reseller_owner"),
}
# Whose empty POST is asked too: the others differ from these by the same rights as their GET does.
SENDERS = frozenset({"anonymous", "learner", "manager", "admin", "stranger"}) | frozenset(
    role for roles in PLATFORM_ROLES.values() for role in roles
)
# What the operator's and the resellers' spaces have more than others; the rest is as in a school.
THEIRS = (
    "operations:", "support:", "sso:", "idp:", "portal:home", "people:list", "api-1.0.0:me",
    "billing:", "marketplace:", "reseller:", "djstripe:", "stripe_connect",
)  # fmt: skip


def session_of(tenant: Any, person: Any) -> str:
    """Return the key of a new session of ``person``."""
    from django.test import Client

    client = Client(headers={"host": tenant.primary_host})
    with use(tenant):
        client.force_login(person, backend="tremplin.identity.backends.RoleBackend")
    return client.cookies["sessionid"].value


def sessions(tenant: Any, roles: Iterable[str]) -> dict[str, str]:
    """Return one session per role of ``tenant``, of somebody who has that role alone."""
    from tremplin.identity import mfa, services
    from tremplin.identity.roles import MFA_ROLES

    found = {}
    for role in roles:
        with use(tenant):
            person = services.create_person(
                email=f"{role}@matrix.example", first_name="M", last_name=role, roles=(role,),
                locale="en",
            )  # fmt: skip
            if role in MFA_ROLES:
                mfa.enrol_totp(person, "JBSWY3DPEHPK3PXP")
        found[role] = session_of(tenant, person)
    return found


def owner_of(tenant: Any) -> Any:
    from tremplin.identity.models import SpaceOwner

    with use(tenant):
        return SpaceOwner.objects.select_related("person").get().person


def table(
    chosen: list[Route], own: World, callers: Mapping[str, tuple[str, str]], width: int
) -> list[str]:
    """Return one line per address: GET/POST status for each caller (host, session)."""
    lines = [
        f"# {'address':<62}{'who':<32}" + "".join(f"{name:<{width}}" for name in callers).rstrip()
    ]
    errors = []
    for route in chosen:
        path = worlds.address(route.name, route.pattern, own)
        cells = []
        for caller, (host, cookie) in callers.items():
            pair = []
            for method in ("GET", "POST") if caller in SENDERS else ("GET",):
                data: dict[str, Any] | None = {} if method == "POST" else None
                asked = ask(host, method, path, cookie=cookie, data=data, watched="")
                pair.append(str(asked.status))
                if asked.error or asked.status == 500:
                    errors.append(f"{method} {path} as {caller}: {asked.error}")
            cells.append("/".join(pair))
        row = f"  {'/' + route.text:<62}{route.access:<32}"
        lines.append((row + "".join(f"{cell:<{width}}" for cell in cells)).rstrip())
    assert errors == []
    return lines


def test_every_role_of_a_school(both: tuple[World, World], golden: Any) -> None:
    own, other = both
    callers = {"anonymous": (own.host, "")}
    for role, key in sessions(own.tenant, SCHOOL_ROLES).items():
        callers[role] = (own.host, key)
    callers["owner"] = (own.host, session_of(own.tenant, owner_of(own.tenant)))
    callers["stranger"] = (own.host, other.cookies["admin"])
    golden(
        "access_matrix.txt",
        "\n".join(
            [
                "# Who may open what in a school: statuses of GET, then (for some) of an empty POST, for each page",
                "# with ids of that school. «stranger» brings the session of another school's administrator.",
                *table(routes(), own, callers, 13),
            ]
        ),
    )


def test_the_roles_of_the_platform(both: tuple[World, World], space: Any, golden: Any) -> None:
    """The operator's and a reseller's space, with ids of a school that is the reseller's client."""
    from tenants import registry
    from tenants.context import public_write
    from tenants.models import Tenant
    from tremplin.identity.support import consent

    own, _other = both
    with public_write("tests"):
        Tenant.objects.filter(pk=own.tenant.pk).update(reseller_id=space("passerelle").pk)
    registry.invalidate()
    with use(own.tenant):
        consent.set_consent(own.tenant, allowed=True, by=owner_of(own.tenant).pk)
    lines = [
        "# The same in the operator's space (hq) and in that of a reseller whose client is the school.",
    ]
    chosen = [route for route in routes() if route.name.startswith(THEIRS)]
    for slug, roles in PLATFORM_ROLES.items():
        home = space(slug)
        callers = {"anonymous": (home.primary_host, "")}
        for role, key in sessions(home, (*roles, "admin")).items():
            callers[role] = (home.primary_host, key)
        callers["stranger"] = (home.primary_host, own.cookies["admin"])
        lines += ["", f"# {home.kind}", *table(chosen, own, callers, 16)]
    golden("access_matrix_platform.txt", "\n".join(lines))


@pytest.mark.parametrize("slug", ["mecaformation", "lycee", "volteo", "passerelle"])
def test_a_group_with_the_name_of_a_platform_role_opens_nothing(
    space: Any, slug: str, hq: Any
) -> None:
    from django.contrib.auth.models import Group, Permission

    from tremplin.identity import mfa, services

    home = space(slug)
    with use(home):
        group, _made = Group.objects.get_or_create(name="platform_admin")
        group.permissions.set(Permission.objects.all())
        person = services.create_person(email="false@group.example", roles=("platform_admin",))
        mfa.enrol_totp(person, "JBSWY3DPEHPK3PXP")
    key = session_of(home, person)
    paths = ["/platform/", f"/platform/spaces/{hq.uuid}/", f"/platform/spaces/{hq.uuid}/view-as/"]
    for path in paths:
        assert ask(home.primary_host, "GET", path, cookie=key, watched="").status == 404, path
        assert ask(home.primary_host, "POST", path, cookie=key, data={}, watched="").status == 404
    wanted = 403 if home.kind == "reseller" else 404
    for path in ("/reseller/", "/reseller/clients/", "/reseller/clients/new/", "/reseller/brand/"):
        asked = ask(home.primary_host, "GET", path, cookie=key, watched="")
        assert asked.status == wanted, path
