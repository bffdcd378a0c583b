"""A view or operation that the core wrapper cannot guard quarantines its plugin."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from ninja import Router

from tremplin.api import ApiRouter, operation, view
from tremplin.kernel.mounting import UnguardedView, check_view, validate_routers, views_of


def bare(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@view()
async def asynchronous(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@csrf_exempt
@view()
def exempt(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@view(permission="billing.pay")
def foreign(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@view(permission="kr.use")
def fine(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@pytest.mark.parametrize(
    ("callback", "words"),
    [
        (bare, "does not say who may call it"),
        (asynchronous, "is async"),
        (exempt, "exempt from CSRF"),
        (foreign, "asks for 'billing.pay'"),
    ],
)
def test_a_view_that_dodges_the_guard_is_refused(callback: Any, words: str) -> None:
    with pytest.raises(UnguardedView, match=words):
        check_view("kr", callback)


def test_a_marked_view_is_accepted_and_includes_are_followed() -> None:
    check_view("kr", fine)
    patterns = [path("a/", fine), path("b/", include([path("c/", bare)]))]
    assert [pattern.callback for pattern in views_of(patterns)] == [fine, bare]


def test_a_view_cannot_be_anonymous_and_guarded() -> None:
    with pytest.raises(ValueError, match="either anonymous or guarded"):
        view(permission="kr.use", anonymous=True)


def _router(**options: Any) -> Router:
    router = Router()

    @router.get("/x/", **options)
    @operation()
    def read(request: Any) -> dict[str, int]:
        return {}

    return router


def test_operation_ids_are_prefixed_once() -> None:
    named, plain = _router(operation_id="kr_chosen"), _router()
    validate_routers("kr", [ApiRouter("", named), ApiRouter("", plain)])
    validate_routers("kr", [ApiRouter("", plain)])
    found = [
        item.operation_id
        for router in (named, plain)
        for path_view in router.path_operations.values()
        for item in path_view.operations
    ]
    assert found == ["kr_chosen", "kr_read"]


def test_operations_without_marker_or_with_their_own_auth_are_refused() -> None:
    unmarked = Router()
    unmarked.get("/x/")(lambda request: {})
    with pytest.raises(UnguardedView, match="use tremplin.api.operation"):
        validate_routers("kr", [ApiRouter("", unmarked)])
    with pytest.raises(UnguardedView, match="sets its own auth"):
        validate_routers("kr", [ApiRouter("", _router(auth=None))])
    with pytest.raises(UnguardedView, match="sets its own auth"):
        validate_routers("kr", [ApiRouter("", Router(auth=None))])


def test_an_anonymous_operation_needs_an_anonymous_router() -> None:
    router = Router()
    router.get("/x/")(operation(anonymous=True)(lambda request: {}))
    with pytest.raises(UnguardedView, match="anonymous but its ApiRouter is not"):
        validate_routers("kr", [ApiRouter("", router)])
    validate_routers("kr", [ApiRouter("", router, anonymous=True)])


def test_operations_of_inner_routers_are_checked() -> None:
    outer, inner = Router(), Router()
    inner.get("/x/")(lambda request: {})
    outer.add_router("/inner", inner)
    with pytest.raises(UnguardedView, match="use tremplin.api.operation"):
        validate_routers("kr", [ApiRouter("", outer)])
