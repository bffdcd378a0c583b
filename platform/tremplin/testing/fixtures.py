"""The pytest plugin: options, fixtures and the parametrisation of the contract suite.

Load it with ``pytest_plugins = ["tremplin.testing.fixtures"]`` in the top ``conftest.py``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

# The suite's assertions live in a package: without this they would fail without saying what.
pytest.register_assert_rewrite("tremplin.testing.contract")

CONTRACT_FIXTURE = "contract_slug"
EXAMPLES = 25


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tremplin")
    group.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden files (API surface, OpenAPI, event schemas, reference pages)",
    )
    group.addoption(
        "--plugin",
        action="append",
        default=[],
        metavar="SLUG",
        help="run the contract suite for this module only (may be repeated)",
    )
    group.addoption(
        "--examples",
        type=int,
        default=EXAMPLES,
        metavar="NUMBER",
        help=f"generated examples per property (default {EXAMPLES})",
    )


@pytest.fixture(scope="session")
def examples(request: pytest.FixtureRequest) -> int:
    """How many examples a property is tried with: more take longer and find rarer faults."""
    return int(request.config.getoption("--examples"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every contract test once per discovered plugin."""
    if CONTRACT_FIXTURE not in metafunc.fixturenames:
        return
    from tremplin.testing.contract.subjects import discovered_slugs

    chosen = metafunc.config.getoption("--plugin") or discovered_slugs()
    metafunc.parametrize(CONTRACT_FIXTURE, chosen)


@pytest.fixture(autouse=True)
def _forget_kernel_caches() -> Iterator[None]:
    """Start each test without module states, settings or breakers remembered from another."""
    yield
    if "tremplin.kernel.gate" not in sys.modules:
        return
    from tremplin.kernel import gate, settings_store
    from tremplin.kernel.dispatch import dispatcher

    gate.forget_cache()
    if "tremplin.licensing.snapshots" in sys.modules:
        sys.modules["tremplin.licensing.snapshots"].forget()
    settings_store.forget_cache()
    dispatcher.watch.reset()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, Any], None]:
    """Return ``golden(name, data)``: compare with the file ``name`` beside the test module."""
    from tremplin.testing.golden import compare

    folder = Path(request.path).parent
    update = bool(request.config.getoption("--update-golden"))

    def check(name: str, data: Any) -> None:
        compare(folder / name, data, update=update)

    return check


@pytest.fixture
def freeze() -> Iterator[Callable[[datetime | str], datetime]]:
    """Return ``freeze(moment)``: hold the business clock until the test ends."""
    from tremplin.testing.doubles import freeze as held

    with ExitStack() as stack:
        yield lambda moment: stack.enter_context(held(moment, every_thread=True))


@pytest.fixture
def fake_service() -> Iterator[Callable[[str, Any], Any]]:
    """Return ``fake_service(name, implementation)``: replace a service until the test ends."""
    from tremplin.testing.doubles import fake_service as replaced

    with ExitStack() as stack:
        yield lambda name, implementation: stack.enter_context(replaced(name, implementation))


@pytest.fixture
def register_temporarily() -> Iterator[Callable[[object], Any]]:
    """Return ``register_temporarily(plugin)``: add a plugin until the test ends."""
    from tremplin.testing.doubles import register_temporarily as added

    with ExitStack() as stack:

        def add(plugin: object) -> Any:
            context: AbstractContextManager[Any] = added(plugin)
            return stack.enter_context(context)

        yield add
