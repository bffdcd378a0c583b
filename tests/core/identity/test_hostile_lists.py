"""Broken and hostile lists through the page: a clear answer, and nothing written."""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

pytestmark = pytest.mark.django_db

URL = "/console/people/import/"


def mutations(seed: int) -> list[bytes]:
    """Return broken versions of a good list, the same for a given seed."""
    chance = random.Random(seed)
    good = "Prénom;Nom;E-mail;Cohorte\nLina;Moreau;lina@x.fr;A\nThéo;Roussel;theo@x.fr;A\n".encode()
    made = []
    for _round in range(12):
        data = bytearray(good)
        for _change in range(chance.randrange(1, 8)):
            place = chance.randrange(len(data))
            action = chance.randrange(3)
            if action == 0:
                data[place] = chance.randrange(256)
            elif action == 1:
                del data[place : place + chance.randrange(1, 9)]
            else:
                data[place:place] = bytes(chance.choice(b'";\n\r\x00,=@\xff') for _ in range(5))
        made.append(bytes(data))
    return made


def test_mutated_lists_never_break_the_page(as_admin: Any, tenant_a: Any, inside: Any) -> None:
    from tremplin.identity.models import User

    with inside(tenant_a):
        before = User.objects.count()
    statuses = set()
    for data in mutations(20261120):
        file = SimpleUploadedFile("liste.csv", data, content_type="text/csv")
        response = as_admin.post(URL, {"file": file, "role": "learner", "cohort": ""})
        assert response.status_code in {302, 422}
        if response.status_code == 302:
            assert as_admin.get(response["Location"]).status_code == 200
        statuses.add(response.status_code)
    assert statuses == {302, 422}
    with inside(tenant_a):
        assert User.objects.count() == before


def test_markup_in_a_list_is_shown_as_text(as_admin: Any) -> None:
    data = b"email;nom;<script>alert(1)</script>\na@x.fr;<img src=x onerror=alert(1)>;x\n"
    file = SimpleUploadedFile("<b>liste.csv", data, content_type="text/csv")
    page = as_admin.post(URL, {"file": file, "role": "learner", "cohort": ""}, follow=True)
    text = page.content.decode()
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert "<img src=x" not in text
    assert "<script>alert" not in text


def test_a_worker_that_dies_is_explained(as_admin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tremplin.identity.importing import reading
    from tremplin.kernel.limited_process import LimitedProcessError

    def die(*args: Any, **kwargs: Any) -> bytes:
        raise LimitedProcessError("memory")

    monkeypatch.setattr(reading.limited_process, "run", die)
    file = SimpleUploadedFile("liste.csv", b"email\na@x.fr\n", content_type="text/csv")
    response = as_admin.post(URL, {"file": file, "role": "learner", "cohort": ""})
    assert response.status_code == 422
    assert "n’a pas pu être lu" in response.content.decode()


def test_a_file_over_five_megabytes_is_refused_before_it_is_read(as_admin: Any) -> None:
    file = SimpleUploadedFile(
        "liste.csv", b"email\n" + b"x" * (5 * 1024 * 1024), content_type="text/csv"
    )
    response = as_admin.post(URL, {"file": file, "role": "learner", "cohort": ""})
    assert response.status_code == 422
    assert "5\u202fMo" in response.content.decode() or "5 Mo" in response.content.decode()
