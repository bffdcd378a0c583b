"""What others rely on changes only on purpose: the API surface, OpenAPI, core events."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tremplin.testing.core_events import CORE_EVENTS
from tremplin.testing.golden import GoldenMismatch, compare
from tremplin.testing.surface import api_surface

Golden = Callable[[str, Any], None]


def test_plugin_api_surface(golden: Golden) -> None:
    golden("api_surface.json", api_surface())


def test_openapi_document(golden: Golden) -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator

    from tremplin.config import api  # noqa: F401  publishes the API
    from tremplin.kernel import api_schema

    document = api_schema.whole()
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    identifiers = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    ]
    assert len(set(identifiers)) == len(identifiers)
    golden("openapi.json", document)


def test_core_events(golden: Golden) -> None:
    for event in CORE_EVENTS:
        golden(f"events/{event.event_name}.json", event.model_json_schema())


def test_every_golden_event_still_exists() -> None:
    from django.conf import settings

    published = {
        event.event_name
        for found in settings.PLUGINS.found
        for event in found.manifest.events_published
    }
    published |= {event.event_name for event in CORE_EVENTS}
    stored = {path.stem for path in (Path(__file__).parent / "events").glob("*.json")}
    assert stored == published


def test_a_difference_is_shown_with_the_way_to_accept_it(tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    with pytest.raises(GoldenMismatch, match="does not exist.*--update-golden"):
        compare(path, {"a": 1}, update=False)
    compare(path, {"a": 1}, update=True)
    compare(path, {"a": 1}, update=False)
    with pytest.raises(GoldenMismatch) as caught:
        compare(path, {"a": 2}, update=False)
    assert '-  "a": 1' in str(caught.value)
    assert '+  "a": 2' in str(caught.value)
