"""A live database for the tests that need committed rows and other processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.tasks.stack import Stack, own_database


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Stack]:
    """Give two spaces in a database that the whole module shares, nothing rolled back."""
    blocker = request.getfixturevalue("django_db_blocker")
    request.getfixturevalue("django_db_setup")
    folder: Path = tmp_path_factory.mktemp("stack")
    with blocker.unblock(), own_database(folder, request.module.__name__.rpartition(".")[2]) as s:
        yield s
