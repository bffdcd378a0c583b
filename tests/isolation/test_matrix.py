"""Every address and operation, asked with another school's session, ids and tokens."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from django.urls import Resolver404, resolve

from tests.isolation import traces
from tests.isolation import world as worlds
from tests.isolation.asking import ask
from tests.isolation.routes import api_operations, routes
from tests.isolation.world import World

pytestmark = pytest.mark.django_db


def hostile_fields(victim: World) -> dict[str, str]:
    """Return a form that names the victim's objects under every name a page may read."""
    fields: dict[str, str] = {}
    for name, value in victim.ids.items():
        fields |= {name: value, f"{name}s": value, f"{name}_id": value}
    return fields | {
        "people": victim.ids["person"], "persons": victim.ids["person"], "go": "finish",
        "action": "remove", "confirm": "1", "reason": "because", "state": "archived",
        "position": "0", "revision": "9", "shown": "0", "a0": "0", "score": "1", "at": "1",
        "comment": "x", "roles": "admin", "title": "x", "name": "x", "text": "x",
        "email": "intruder@x.example", "password": "une autre phrase longue 7",
        "password1": "une autre phrase longue 7", "password2": "une autre phrase longue 7",
        "first_name": "x", "last_name": "x", "locale": "fr", "mode": "off", "terms": "on",
    }  # fmt: skip


def test_every_address_leads_to_the_view_it_names(both: tuple[World, World]) -> None:
    wrong = {}
    for route in routes():
        path = worlds.address(route.name, route.pattern, both[0])
        try:
            found = resolve(path).func
        except Resolver404:
            found = None
        if found is not route.pattern.callback:
            wrong[route.text] = path
    assert wrong == {}


def test_every_operation_of_the_api_is_an_address() -> None:
    texts = {route.text for route in routes()}
    assert set(api_operations()) - texts == set()
    others = {text for text in texts if text.startswith("api/v1/")} - set(api_operations())
    assert others == {"api/v1/", "api/v1/docs", "api/v1/^.*$"}


def test_no_address_answers_with_the_data_of_another_space(
    victim_and_own: tuple[World, World],
) -> None:
    victim, own = victim_and_own
    schema = victim.tenant.schema_name
    watch = traces.Traces(victim)
    before = traces.fingerprint(schema), traces.shared_rows(victim.tenant)
    callers = {
        "stranger": victim.cookies["admin"],
        "anonymous": "",
        "learner": own.cookies["learner"],
        "admin": own.cookies["admin"],
    }
    form = hostile_fields(victim)
    leaks, errors, statuses = [], [], Counter[int]()
    for route in routes():
        path = worlds.address(route.name, route.pattern, victim)
        for caller, cookie in callers.items():
            for method in route.methods:
                data = form if method == "POST" else None
                asked = ask(own.host, method, path, cookie=cookie, data=data, watched=schema)
                statuses[asked.status] += 1
                said = [*asked.supplied, *victim.ids.values()]
                shown = watch.found(asked.text, said)
                if shown or asked.writes:
                    leaks.append(
                        f"{method} {path} as {caller}: {asked.status}, shows {shown}, writes {asked.writes}"
                    )
                if asked.error or asked.status == 500:
                    errors.append(f"{method} {path} as {caller}: {asked.error}")
    assert leaks == []
    assert errors == []
    assert (traces.fingerprint(schema), traces.shared_rows(victim.tenant)) == before
    cases = sum(len(route.methods) for route in routes()) * len(callers)
    assert sum(statuses.values()) == cases


def test_the_detector_sees_what_it_looks_for(both: tuple[World, World]) -> None:
    """Without this, a blind detector would make every test above pass."""
    own, other = both
    watch = traces.Traces(own)
    schema = own.tenant.schema_name
    page = ask(own.host, "GET", "/console/people/", cookie=own.cookies["admin"], watched=schema)
    shown = watch.found(page.text, [])
    assert own.marker in shown
    assert own.ids["person"] in shown
    path = f"/console/people/{own.ids['person']}/suspend/"
    write = ask(
        own.host, "POST", path, cookie=own.cookies["admin"], data={"reason": "x"}, watched=schema
    )
    assert write.status == 302
    assert write.writes > 0
    assert write.headers["Location"] == f"/console/people/{own.ids['person']}/"
    elsewhere = ask(
        other.host, "GET", "/console/people/", cookie=other.cookies["admin"], watched=schema
    )
    assert other.marker in traces.Traces(other).found(elsewhere.text, [])
    assert elsewhere.writes == 0


def test_every_text_holds_the_marker_but_codes_and_digests(
    both: tuple[World, World], golden: Any
) -> None:
    own, other = both
    lines = [
        "# Tables without rows and text columns without the marker in the furnished schools: codes,",
        "# digests and choices only. A text that people write must be marked in world.py instead.",
        *traces.unmarked(own),
    ]
    assert traces.unmarked(other) == lines[2:]
    golden("unmarked_texts.txt", "\n".join(lines))
