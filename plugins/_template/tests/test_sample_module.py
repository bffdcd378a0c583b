"""What the module itself promises, in two spaces."""

from __future__ import annotations

from typing import Any

import pytest

from tremplin.api import Problem, services
from tremplin.kernel.settings_store import write
from tremplin.testing.contract.world import context_of, person, switch_on

SLUG = "sample_module"


@pytest.fixture
def learner(db: None, tenant_a: Any, inside: Any) -> Any:
    """A learner of a space where the module is on."""
    with inside(tenant_a):
        switch_on(tenant_a, SLUG)
        return person("learner")


def test_a_person_adds_and_finishes_an_item(
    tenant_a: Any, learner: Any, client_for: Any, inside: Any
) -> None:
    from tremplin_sample_module.models import Item

    client = client_for(tenant_a, learner)
    answer = client.post(f"/app/{SLUG}/", {"title": "  Read   a book "})
    assert (answer.status_code, answer["Location"]) == (302, f"/app/{SLUG}/")
    with inside(tenant_a):
        item = Item.objects.get(person_id=learner.pk)
        assert (item.title, item.done_at) == ("Read a book", None)
    page = client.get(f"/app/{SLUG}/")
    assert page.content.count(b'data-testid="sample_module-item"') == 1
    assert client.post(f"/app/{SLUG}/items/{item.pk}/finish/").status_code == 302
    with inside(tenant_a):
        item.refresh_from_db()
        assert item.done_at is not None


def test_the_same_item_twice_is_refused_with_a_sentence(
    tenant_a: Any, learner: Any, client_for: Any, inside: Any
) -> None:
    from tremplin_sample_module.models import Item

    client = client_for(tenant_a, learner)
    client.post(f"/app/{SLUG}/", {"title": "Read a book"})
    answer = client.post(f"/app/{SLUG}/", {"title": "Read a book"})
    assert answer.status_code == 422
    assert "Cet élément est déjà dans votre liste." in answer.content.decode()
    with inside(tenant_a):
        assert Item.objects.count() == 1


def test_open_items_are_limited_by_the_setting(tenant_a: Any, learner: Any, inside: Any) -> None:
    from tremplin_sample_module.models import Item
    from tremplin_sample_module.services import add_item

    with inside(tenant_a):
        write("tenant", tenant_a, SLUG, {"open_items": 1})
        add_item(context_of(learner), "One")
        with pytest.raises(Problem) as refused:
            add_item(context_of(learner), "Two")
        assert (refused.value.status, refused.value.code) == (409, "too_many_items")
        assert Item.objects.count() == 1


def test_nobody_finishes_the_item_of_another(
    tenant_a: Any, tenant_b: Any, learner: Any, client_for: Any, inside: Any
) -> None:
    from tremplin_sample_module.models import Item
    from tremplin_sample_module.services import add_item

    with inside(tenant_a):
        item = add_item(context_of(learner), "Mine")
        other = person("learner")
    with inside(tenant_b):
        switch_on(tenant_b, SLUG)
        stranger = person("learner")
        assert Item.objects.count() == 0
    path = f"/app/{SLUG}/items/{item.pk}/finish/"
    assert client_for(tenant_a, other).post(path).status_code == 404
    assert client_for(tenant_b, stranger).post(path).status_code == 404
    with inside(tenant_a):
        item.refresh_from_db()
        assert item.done_at is None


def test_the_api_lists_the_callers_own_items(
    tenant_a: Any, learner: Any, client_for: Any, inside: Any
) -> None:
    client = client_for(tenant_a, learner)
    address = f"/api/v1/{SLUG}/items"
    answer = client.post(address, {"title": "By the API"}, content_type="application/json")
    assert (answer.status_code, answer.json()["title"]) == (201, "By the API")
    with inside(tenant_a):
        other = person("learner")
    assert [row["title"] for row in client.get(address).json()] == ["By the API"]
    assert client_for(tenant_a, other).get(address).json() == []


def test_staff_sees_how_far_everybody_is(
    tenant_a: Any, learner: Any, client_for: Any, inside: Any
) -> None:
    from tremplin_sample_module.selectors import everybody
    from tremplin_sample_module.services import add_item, finish_item

    with inside(tenant_a):
        ctx = context_of(learner)
        finish_item(ctx, add_item(ctx, "One").pk)
        add_item(ctx, "Two")
        assert [(row.person.id, row.done, row.total, row.share) for row in everybody()] == [
            (learner.pk, 1, 2, 50)
        ]
        assert services.people().get(learner.pk) is not None
        trainer = person("trainer")
    page = client_for(tenant_a, trainer).get(f"/console/{SLUG}/")
    assert page.content.count(b'data-testid="sample_module-person"') == 1
    assert client_for(tenant_a, learner).get(f"/console/{SLUG}/").status_code == 403
