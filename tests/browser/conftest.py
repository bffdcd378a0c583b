"""Browser tests: one running demo per process, the system's Chromium, strict pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright

from tests.support.browser import DESKTOP, PHONE, Tab
from tests.support.stack import Stack, demo_stack

CANDIDATES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP *.localhost 127.0.0.1",
)
HERE = os.path.join("tests", "browser") + os.sep


def chromium() -> str:
    """Return the path of the system's Chromium, or an empty string."""
    chosen = os.environ.get("CHROMIUM", "")
    return chosen or next((found for name in CANDIDATES if (found := shutil.which(name))), "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs Chromium where there is none."""
    if not chromium():
        skip = pytest.mark.skip(reason="no Chromium here: install the package «chromium»")
        for item in items:
            if HERE in str(item.path):
                item.add_marker(skip)


@pytest.fixture(scope="package")
def stack(django_db_setup: None, django_db_blocker: Any) -> Iterator[Stack]:
    """A running demo shared by the browser tests of this process."""
    with django_db_blocker.unblock(), demo_stack() as running:
        yield running


@pytest.fixture(scope="package")
def chromium_browser(playwright: Playwright) -> Iterator[Browser]:
    """The system's Chromium, started once; the driver is the one that every test shares."""
    browser = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
    yield browser
    browser.close()


@pytest.fixture
def tab(chromium_browser: Browser, stack: Stack) -> Iterator[Callable[..., Tab]]:
    """Return ``tab(host, language="fr", phone=False, dark=False)``: a fresh private window."""
    contexts: list[BrowserContext] = []

    def make(host: str, *, language: str = "fr", phone: bool = False, dark: bool = False) -> Tab:
        context = chromium_browser.new_context(
            viewport=PHONE if phone else DESKTOP,
            locale=language,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        return Tab(context.new_page(), stack, host)

    yield make
    for context in contexts:
        context.close()
