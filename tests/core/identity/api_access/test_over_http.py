"""The API over real HTTP: the commands of the guide, and two refreshes at the same instant."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.core.realtime.conftest import _let_the_database_be_used, stack
from tests.core.tasks.stack import free_port
from tests.support.people import PASSWORD
from tremplin.identity import services
from tremplin.identity.api_access import clients, keys

__all__ = ["_let_the_database_be_used", "stack"]
GUIDE = Path(__file__).resolve().parents[4] / "docs" / "how-to" / "call-the-api.md"


@pytest.fixture(autouse=True)
def _quick_hashes() -> None:
    """Hash as the server does: it is another process, and would refuse the quick ones."""


@pytest.fixture(scope="module")
def server(stack: Any) -> str:
    """The address of the product's server on the address of a school."""
    port = free_port()
    stack.start_web(port)
    return f"http://{stack.a.primary_host}:{port}"


@pytest.fixture
def person(stack: Any, inside: Any) -> Any:
    """An administrator of the school."""
    from uuid import uuid4

    with inside(stack.a):
        return services.create_person(
            email=f"{uuid4().hex}@mecaformation.example", roles=["admin"], password=PASSWORD
        )


def test_the_commands_of_the_guide(
    stack: Any, server: str, person: Any, inside: Any, tmp_path: Path
) -> None:
    with inside(stack.a):
        _key, secret = keys.create(
            name="guide", scopes=["identity:read"], created_by=person, networks=["127.0.0.0/8"]
        )
        client, client_secret = clients.create(
            name="guide", scopes=["identity:read"], created_by=person
        )
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 5
    commands = [block for block in blocks if "export SPACE" not in block]
    script = tmp_path / "guide.sh"
    script.write_text(
        "set -euo pipefail\n" + "\necho\necho --- \n".join(commands), encoding="utf-8"
    )
    done = subprocess.run(
        ["bash", str(script)],
        cwd=tmp_path,
        env={
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "SPACE": server,
            "KEY": secret,
            "CLIENT_ID": client.pk,
            "CLIENT_SECRET": client_secret,
            "EMAIL": person.email,
            "PASSWORD": PASSWORD,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    by_key, by_client, by_person, _document = done.stdout.split("---")
    decoder = json.JSONDecoder()
    me, end = decoder.raw_decode(by_key.strip())
    assert me["tenant"]["slug"] == stack.a.slug
    assert me["caller"]["method"] == "api_key"
    people = json.loads(by_key.strip()[end:])
    assert set(people) == {"items", "next_cursor"}
    assert set(json.loads(by_client)) == {"items", "next_cursor"}
    signed, end = decoder.raw_decode(by_person.strip())
    assert (signed["id"], signed["caller"]["method"]) == (str(person.pk), "access_token")
    renewed = json.loads(by_person.strip()[end:])
    assert set(renewed["data"]) == {"access_token", "refresh_token"}
    document = json.loads((tmp_path / "openapi.json").read_text(encoding="utf-8"))
    assert document["servers"] == [{"url": server}]


def _address(stack: Any, server: str) -> tuple[str, dict[str, str]]:
    """Names below ``localhost`` resolve in browsers and curl only: go to the loopback address."""
    return f"http://127.0.0.1:{server.rpartition(':')[2]}", {"Host": stack.a.primary_host}


def test_of_two_refreshes_at_the_same_instant_one_wins(
    stack: Any, server: str, person: Any, inside: Any
) -> None:
    base, host = _address(stack, server)
    signed = requests.post(
        f"{base}/_allauth/app/v1/auth/login",
        json={"email": person.email, "password": PASSWORD},
        headers=host,
        timeout=20,
    ).json()["meta"]
    barrier, answers = threading.Barrier(4), []

    def refresh() -> None:
        barrier.wait(20)
        answers.append(
            requests.post(
                f"{base}/_allauth/app/v1/tokens/refresh",
                json={"refresh_token": signed["refresh_token"]},
                headers=host,
                timeout=20,
            )
        )

    threads = [threading.Thread(target=refresh) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
    winner = next(answer.json()["data"] for answer in answers if answer.status_code == 200)
    # The other calls were a reuse: what the first got is dead too.
    me = requests.get(
        f"{base}/api/v1/me",
        headers={**host, "Authorization": f"Bearer {winner['access_token']}"},
        timeout=20,
    )
    assert (me.status_code, me.json()["code"]) == (401, "invalid_token")
    from tremplin.kernel.models import AuditEvent

    with inside(stack.a):
        reused = AuditEvent.objects.filter(
            kind="security.token_reused", target=f"person:{person.pk}"
        )
        assert reused.count() == 1


def test_a_key_travels_in_a_header_only(stack: Any, server: str, person: Any, inside: Any) -> None:
    base, host = _address(stack, server)
    with inside(stack.a):
        _key, secret = keys.create(name="web", scopes=["identity:read"], created_by=person)
    answer = requests.get(
        f"{base}/api/v1/me",
        params={"access_token": secret, "key": secret},
        headers=host,
        cookies={"key": secret},
        timeout=20,
    )
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="api"')
    right = requests.get(
        f"{base}/api/v1/me", headers={**host, "Authorization": f"bearer {secret}"}, timeout=20
    )
    assert right.status_code == 200
    assert "Set-Cookie" not in right.headers
