"""Rules about what a module shows, to whom, when it is on and when it is off."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from time import perf_counter
from typing import Any

from tremplin.api import hookspecs
from tremplin.testing.contract.subjects import subject
from tremplin.testing.contract.world import (
    CORE_ROLES,
    api_paths_of,
    context_of,
    person,
    routes_of,
    switch_on,
)

Inside = Callable[[Any], AbstractContextManager[Any]]
ClientFor = Callable[..., Any]
QUERY_BUDGET = 2
PER_PERSON = ("profile_sections", "skill_evidence")


def _questions(slug: str, ctx: Any, about: Any) -> dict[str, list[Any]]:
    """Return the answers of one module to every question hook, as if it were enabled or not."""
    from tremplin.kernel import gate
    from tremplin.kernel.current import tenant_required
    from tremplin.kernel.dispatch import dispatcher

    enabled = gate.enabled(tenant_required()) & {slug}
    answers: dict[str, list[Any]] = {}
    for name in sorted(hookspecs.QUESTIONS):
        spec = getattr(hookspecs, name)
        arguments = {"ctx": ctx, "person": about} if name in PER_PERSON else {"ctx": ctx}
        answers[name] = [item.value for item in dispatcher.collect(spec, enabled, **arguments)]
    return answers


def test_rule_04_off_contributes_nothing(
    contract_slug: str, db: None, tenant_a: Any, inside: Inside
) -> None:
    """Rule 4: a module that is off answers no question, hears no event and runs no task."""
    from tremplin.kernel import gate
    from tremplin.kernel.outbox import subscribers_of

    with inside(tenant_a):
        assert gate.mode(tenant_a, contract_slug) == "off"
        ctx = context_of(person("admin"))
        answers = _questions(contract_slug, ctx, ctx.person)
        assert answers == {name: [] for name in hookspecs.QUESTIONS}
        manifest = subject(contract_slug).manifest
        mine = {item.key for item in manifest.subscribers}
        heard = {
            item.key
            for wanted in manifest.subscribers
            for item in subscribers_of(wanted.event_name, tenant_a)
        }
        assert mine & heard == set()


def test_rule_04_off_answers_nothing(
    contract_slug: str, db: None, tenant_a: Any, inside: Inside, client_for: ClientFor
) -> None:
    """Rule 4: every page and operation of a module that is off answers 404, to anyone."""
    with inside(tenant_a):
        who = person("admin")
    client, nobody = client_for(tenant_a, who), client_for(tenant_a)
    addresses = [route.path for route in routes_of(contract_slug)]
    addresses += [path for _method, path, _operation in api_paths_of(contract_slug)]
    shown = {
        (path, method): getattr(visitor, method)(path).status_code
        for path in addresses
        for visitor in (client, nobody)
        for method in ("get", "post")
    }
    assert {key: status for key, status in shown.items() if status not in (404, 405)} == {}


def test_rule_05_links_answer_who_they_should(
    contract_slug: str,
    db: None,
    tenant_a: Any,
    tenant_b: Any,
    inside: Inside,
    client_for: ClientFor,
) -> None:
    """Rule 5: navigation, widgets, sections: 200 with the right, 403 without, 302 for nobody."""
    from django.urls import resolve

    wrong: dict[str, Any] = {}
    seen = 0
    with inside(tenant_a):
        switch_on(tenant_a, contract_slug)
        people = {role: person(role) for role in CORE_ROLES}
    with inside(tenant_b):
        stranger = person("admin")
    elsewhere = client_for(tenant_b, stranger)
    nobody = client_for(tenant_a)
    for role, who in people.items():
        client = client_for(tenant_a, who)
        with inside(tenant_a):
            ctx = context_of(who)
            links = sorted(set(_links(_questions(contract_slug, ctx, ctx.person))))
        for link in links:
            seen += 1
            access = resolve(link.split("?")[0]).func.tremplin_access
            with inside(tenant_a):
                allowed = not access.permission or ctx.can(access.permission)
            expected = {
                f"{role} {link}": (client, 200 if allowed else 403),
                f"nobody {link}": (nobody, 200 if access.anonymous else 302),
                f"other space {link}": (elsewhere, 404),
            }
            for name, (visitor, status) in expected.items():
                got = visitor.get(link).status_code
                if got != status:
                    wrong[name] = got
    assert wrong == {}
    assert seen > 0, "the module shows no link to anyone"


def _links(answers: dict[str, list[Any]]) -> Iterable[str]:
    from django.urls import reverse

    yield from (reverse(item.url_name) for item in answers["navigation"])
    for name in ("dashboard_widgets", "profile_sections"):
        yield from (item.fragment_url for item in answers[name])


def test_rule_06_api_operations(
    contract_slug: str,
    db: None,
    tenant_a: Any,
    tenant_b: Any,
    inside: Inside,
    client_for: ClientFor,
) -> None:
    """Rule 6: each operation is named, authenticated, of this space only, and documents errors."""
    from tremplin.kernel import registry
    from tremplin.kernel.mounting import access_of, operations_of

    declared = {
        operation.operation_id: access_of(operation.view_func)
        for router in registry.api_routers().get(contract_slug, ())
        for operation in operations_of(router)
    }
    found = api_paths_of(contract_slug)
    assert {operation["operationId"] for _m, _p, operation in found} == set(declared)
    with inside(tenant_a):
        switch_on(tenant_a, contract_slug)
    with inside(tenant_b):
        stranger = person("admin")
    elsewhere = client_for(tenant_b, stranger)
    nobody = client_for(tenant_a)
    for method, path, operation in found:
        name = operation["operationId"]
        assert name.startswith(f"{contract_slug}_"), name
        assert {"401", "403", "404"} <= {str(code) for code in operation["responses"]}, name
        access = declared[name]
        assert access is not None
        if not access.anonymous:
            answer = getattr(nobody, method)(path)
            assert (answer.status_code, answer.json()["code"]) == (
                401,
                "authentication_required",
            ), name
        answer = getattr(elsewhere, method)(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), name


def test_rule_14_hooks_within_budget(
    contract_slug: str,
    db: None,
    tenant_a: Any,
    inside: Inside,
    django_assert_max_num_queries: Any,
    caplog: Any,
) -> None:
    """Rule 14: on an empty space, each question costs 2 queries at most, 50 ms, and never fails."""
    from tremplin.kernel.dispatch import BUDGET_SECONDS, dispatcher

    caplog.set_level(logging.WARNING, "tremplin.kernel")
    with inside(tenant_a):
        switch_on(tenant_a, contract_slug)
        dispatcher.watch.reset()
        for role in ("learner", "admin"):
            ctx = context_of(person(role))
            assert isinstance(ctx.can("portal.console"), bool)  # rights are read once, before
            about = ctx.person
            for name in sorted(hookspecs.QUESTIONS):
                spec = getattr(hookspecs, name)
                arguments = {"ctx": ctx, "person": about} if name in PER_PERSON else {"ctx": ctx}
                slugs = frozenset({contract_slug})
                dispatcher.collect(spec, slugs, **arguments)  # imports and settings warm
                with django_assert_max_num_queries(QUERY_BUDGET + 2):  # the savepoint adds two
                    started = perf_counter()
                    dispatcher.collect(spec, slugs, **arguments)
                    spent = perf_counter() - started
                assert spent < BUDGET_SECONDS, f"{name} took {spent * 1000:.0f} ms"
        failures = {
            key: metric.failures
            for key, metric in dispatcher.watch.metrics().items()
            if metric.failures
        }
        assert failures == {}
