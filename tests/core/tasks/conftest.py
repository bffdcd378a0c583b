"""A live database for the tests that need committed rows and other processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.core.tasks.stack import Stack, live_database


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Stack]:
    """Give two spaces in a database that the whole module shares, nothing rolled back."""
    blocker = request.getfixturevalue("django_db_blocker")
    request.getfixturevalue("django_db_setup")
    with blocker.unblock(), live_database(tmp_path_factory.mktemp("stack")) as found:
        yield found


@pytest.fixture(autouse=True)
def _let_the_database_be_used(request: pytest.FixtureRequest) -> Iterator[None]:
    """Open the database to the tests that use the stack."""
    if "stack" not in request.fixturenames:
        yield
        return
    with request.getfixturevalue("django_db_blocker").unblock():
        yield
