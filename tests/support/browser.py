"""A browser tab that remembers what went wrong in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page, ViewportSize

from tests.support.stack import Stack

DESKTOP: ViewportSize = {"width": 1440, "height": 960}
PHONE: ViewportSize = {"width": 390, "height": 844}
PASSWORD = "Tremplin-Demo-2026"  # noqa: S105  of the public demo


@dataclass
class Tab:
    """A page that remembers what went wrong in it, and whose space it visits."""

    page: Page
    stack: Stack
    host: str
    expected: set[int] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))

    def _console(self, message: Any) -> None:
        if message.type != "error":
            return
        found = re.search(r"status of (\d+)", message.text)
        if found and int(found[1]) in self.expected:
            return
        self.problems.append(f"console: {message.text}")

    def open(self, path: str, *, expect: int = 200) -> Page:
        """Go to ``path`` of the space and check the status."""
        if expect >= 400:
            self.expected.add(expect)
        answer = self.page.goto(self.stack.url(self.host, path))
        assert answer is not None
        assert answer.status == expect, f"{path} answered {answer.status}"
        return self.page

    def sign_in(self, email: str, password: str = PASSWORD) -> Page:
        """Sign in with the form."""
        self.open("/accounts/login/")
        self.page.fill("[name=login]", email)
        self.page.fill("[name=password]", password)
        with self.page.expect_navigation():
            self.page.click("[data-testid=login-submit]")
        return self.page

    def enter(self, email: str) -> Page:
        """Sign in, with the second factor where one is asked; later tests reuse the session.

        A one-time code opens one session only, and hashing a password takes its time.
        """
        key = (self.host, email)
        if cookies := self.stack.sessions.get(key):
            self.page.context.add_cookies(cookies)
            return self.open("/app/")
        self.sign_in(email)
        if "/2fa/" in self.page.url:
            self.second_factor()
        assert "/accounts/" not in self.page.url, f"{email} is not signed in"
        self.stack.sessions[key] = self.page.context.cookies()
        return self.page

    def speak(self, language: str) -> None:
        """Choose a language with the switch of the page, unless it speaks it already."""
        if self.page.locator("html").get_attribute("lang") == language:
            return
        switch = self.page.get_by_test_id(f"language-{language}")
        if not switch.is_visible():
            self.page.get_by_test_id("menu-open").click()
        with self.page.expect_navigation():
            switch.click()

    def second_factor(self) -> Page:
        """Type the one-time code that the demo page shows."""
        code_page = self.page.context.new_page()
        code_page.goto(self.stack.url(self.host, "/_demo/"))
        code = code_page.get_by_test_id("demo-code").inner_text().strip()
        code_page.close()
        self.page.fill("[name=code]", code)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")
        return self.page

    def width(self) -> int:
        """Return the width that the page really takes."""
        return int(self.page.evaluate("document.documentElement.scrollWidth"))

    def assert_clean(self) -> None:
        """Fail on a console error, a policy violation or a horizontal scroll."""
        assert self.problems == []
        viewport = self.page.viewport_size
        assert viewport is not None
        assert self.width() == viewport["width"]
