"""Two changes of one resource at the same time."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection

from tests.core.sso.scim.conftest import Directory


@pytest.mark.parametrize("with_version", [True, False])
def test_two_changes_at_once(
    own_database: str, make_directory: Any, client_for: Any, with_version: bool
) -> None:
    from tenants import registry

    tenant = registry.by_slug("mecaformation")
    directory = make_directory(tenant)
    user = directory.user("lina@x.example")
    path = f"/Users/{user['id']}"
    headers = {"If-Match": user["meta"]["version"]} if with_version else {}
    start = threading.Barrier(2)
    statuses: list[int] = []

    def change(attribute: str) -> None:
        own = Directory(client_for(tenant), directory.token, tenant)
        start.wait()
        try:
            answer = own.patch(path, {"op": "add", "path": attribute, "value": "x"}, **headers)
            statuses.append(answer.status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=change, args=(name,)) for name in ("title", "nickName")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    document = directory.get(path).json()
    written = {name for name in ("title", "nickName") if document.get(name) == "x"}
    if with_version:
        assert (sorted(statuses), len(written)) == ([204, 412], 1)
    else:
        assert (statuses, written) == ([204, 204], {"title", "nickName"})
