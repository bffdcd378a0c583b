"""Fixtures of the quiz tests: the module switched on, people, a ready quiz."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture
def switched_on() -> Callable[..., None]:
    """Return ``switched_on(*tenants)``: license and activate the module there."""
    from tremplin.kernel import gate

    def switch(*tenants: Any) -> None:
        from tenants.context import use

        for tenant in tenants:
            with use(tenant):
                gate.set_licence(tenant, "quiz", "on", reason="tests")
                gate.activate(tenant, "quiz")

    return switch


@pytest.fixture
def person() -> Callable[..., Any]:
    """Return ``person(tenant, name, role)``: a member of a space."""
    from tenants.context import use
    from tremplin.identity.services import create_person

    def make(tenant: Any, name: str, role: str = "learner", **values: Any) -> Any:
        with use(tenant):
            return create_person(
                email=f"{name}@{tenant.slug}.example",
                first_name=name.title(),
                last_name="Test",
                roles=(role,),
                **values,
            )

    return make


@pytest.fixture
def ctx_of() -> Callable[..., Any]:
    """Return ``ctx_of(person)``: the context of a person of the current tenant."""
    from tremplin.api import services

    return lambda person: services.contexts().for_person(person.pk)


@pytest.fixture
def school(tenant_a: Any, switched_on: Any, inside: Any) -> Iterator[Any]:
    """The first school with the module on; the test runs inside it."""
    switched_on(tenant_a)
    with inside(tenant_a):
        yield tenant_a


@pytest.fixture
def lina(school: Any, person: Any) -> Any:
    return person(school, "lina")


@pytest.fixture
def karim(school: Any, person: Any) -> Any:
    return person(school, "karim", "trainer")


@pytest.fixture
def pack_quiz(school: Any, karim: Any, ctx_of: Any) -> Any:
    """The high-voltage quiz, installed and open to everybody."""
    from plugins.quiz.internal.packs import packs
    from plugins.quiz.services.library import install

    quiz = install(ctx_of(karim), packs()["securite-ht"])[0]
    quiz.open_to_all = True
    quiz.save()
    return quiz
