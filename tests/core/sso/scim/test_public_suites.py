"""The public conformance suites, against this service and its storage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from scim2_client.engines.wsgi import WSGISCIMClient
from scim2_models import ScimProvider
from scim2_server.testing import ScimStorageContract
from scim2_tester import Status, check_server

pytestmark = pytest.mark.django_db


class Wsgi:
    """The whole product as a WSGI application, on the host of a space, with a token."""

    def __init__(self, host: str, token: str) -> None:
        from django.core.wsgi import get_wsgi_application

        self.application = get_wsgi_application()
        self.host, self.token = host, token

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        environ["HTTP_HOST"] = environ["SERVER_NAME"] = self.host
        environ["HTTP_AUTHORIZATION"] = f"Bearer {self.token}"
        return self.application(environ, start_response)


@pytest.fixture
def one_connection() -> Iterator[None]:
    """Keep the connection of the test open between requests, as Django's own client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.usefixtures("one_connection")
def test_every_check_of_scim2_tester_passes(directory: Any, tenant_a: Any) -> None:
    host = tenant_a.primary_host
    client = WSGISCIMClient(
        Wsgi(host, directory.token), base_url=f"http://{host}/scim/v2", environ={"HTTP_HOST": host}
    )

    results = check_server(client)

    failed = [f"{item.title}: {item.reason}" for item in results if item.status != Status.SUCCESS]
    assert failed == []
    assert Counter(item.status for item in results) == {Status.SUCCESS: 135}


class TestStorage(ScimStorageContract):
    """The contract of the library for storages."""

    @pytest.fixture
    def provider(self) -> ScimProvider:
        from tremplin.sso.scim.service import provider

        return provider()

    @pytest.fixture
    def storage(self, tenant_a: Any, inside: Any, provider: ScimProvider) -> Iterator[Any]:
        from tremplin.sso.scim.storage import DirectoryStorage

        with inside(tenant_a), provider:
            yield DirectoryStorage(provider)
