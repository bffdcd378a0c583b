"""Accounts in a real browser: passkeys, a second factor forced by role, sessions, rules of sign-in.

Chromium's virtual authenticator plays the device (DevTools protocol, domain WebAuthn).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import Page, expect

from tests.support.browser import PASSWORD, Tab

pytestmark = [pytest.mark.browser, pytest.mark.journey]
HOST = "mecaformation.localhost"
RULES = "/console/security/sign-in/"
NADIA = "nadia@mecaformation.example"


def add_device(page: Page) -> tuple[Any, str]:
    """Plug in a device that checks who holds it and keeps passkeys."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "ctap2Version": "ctap2_1",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    answer = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session, answer["authenticatorId"]


def confirm_password(page: Page) -> None:
    """Answer the page that asks for the password again, when it does."""
    if "/reauthenticate/" in page.url:
        page.fill("[name=password]", PASSWORD)
        with page.expect_navigation():
            page.get_by_test_id("reauthenticate-submit").click()


def code_of(secret: str) -> str:
    """Return the present one-time code (RFC 6238, 30 s) of a base32 secret."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


@pytest.mark.parametrize(("language", "phone"), [("fr", False), ("en", True)])
def test_enrol_a_passkey_and_sign_in_with_it(
    tab: Callable[..., Tab], language: str, phone: bool
) -> None:
    host, email = {
        "fr": (HOST, "lina@mecaformation.example"),
        "en": ("horizon.localhost", "sofia@horizon.example"),
    }[language]
    person = tab(host, language=language, phone=phone)
    page = person.sign_in(email)
    device, authenticator = add_device(page)
    person.open("/accounts/2fa/")
    with page.expect_navigation():
        page.get_by_test_id("passkey-add").click()
    confirm_password(page)
    page.fill("[name=name]", "Bureau")
    expect(page.get_by_test_id("passkey-create")).to_be_visible()
    with page.expect_navigation():
        page.get_by_test_id("passkey-create").focus()
        page.keyboard.press("Enter")
    assert page.url.endswith("/accounts/2fa/recovery-codes/"), page.inner_text("main")
    expect(page.get_by_test_id("mfa-recovery").locator("li")).to_have_count(10)
    with page.expect_download() as download:
        page.get_by_test_id("mfa-recovery-download").click()
    assert download.value.suggested_filename == "recovery-codes.txt"
    kept = device.send("WebAuthn.getCredentials", {"authenticatorId": authenticator})
    assert [(key["rpId"], key["isResidentCredential"]) for key in kept["credentials"]] == [
        (host, True)
    ]
    person.open("/accounts/2fa/")
    expect(page.get_by_test_id("passkey")).to_contain_text("Bureau")
    person.assert_clean()

    page.context.clear_cookies()
    person.open("/accounts/login/?next=/app/profile/")
    expect(page.get_by_test_id("login-passkey")).to_be_visible()
    with page.expect_navigation():
        page.get_by_test_id("login-passkey").focus()
        page.keyboard.press("Enter")
    page.wait_for_url("**/app/profile/")
    person.assert_clean()

    # The holder was not recognised: nothing opens, the page says so and the button works again.
    page.context.clear_cookies()
    person.open("/accounts/login/")
    device.send(
        "WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": False}
    )
    page.get_by_test_id("login-passkey").click()
    expect(page.locator("[data-passkey-status]")).to_be_visible()
    expect(page.get_by_test_id("login-passkey")).to_be_enabled()
    device.send(
        "WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": True}
    )

    # After the password, the same passkey is the second step; then it goes.
    page.fill("[name=login]", email)
    page.fill("[name=password]", PASSWORD)
    with page.expect_navigation():
        page.get_by_test_id("login-submit").click()
    with page.expect_navigation():
        page.get_by_test_id("mfa-passkey").click()
    page.wait_for_url("**/app/")
    person.open("/accounts/2fa/")
    with page.expect_navigation():
        page.get_by_test_id("passkey-remove").click()
    confirm_password(page)
    with page.expect_navigation():
        page.get_by_test_id("passkey-delete").click()
    expect(page.get_by_test_id("passkey")).to_have_count(0)
    person.assert_clean()


@pytest.mark.parametrize(
    ("host", "admin_email", "email", "role", "language", "phone"),
    [
        (HOST, NADIA, "karim@mecaformation.example", "trainer", "fr", True),
        ("horizon.localhost", "grace@horizon.example", "tom@horizon.example", "coach", "en", False),
    ],
    ids=["fr-phone", "en-desktop"],
)
def test_a_role_forces_an_authenticator_app(
    tab: Callable[..., Tab],
    host: str,
    admin_email: str,
    email: str,
    role: str,
    language: str,
    phone: bool,
) -> None:
    admin = tab(host, language=language)
    admin.enter(admin_email)
    require(admin, role, wanted=True)
    try:
        person = tab(host, language=language, phone=phone)
        page = person.sign_in(email)
        for path in ("/app/", "/app/profile/", "/accounts/sessions/", "/console/"):
            page.goto(person.stack.url(host, path))
            assert page.url.endswith("/accounts/2fa/totp/activate/"), path
        expect(page.get_by_test_id("mfa-required")).to_be_visible()
        secret = page.get_by_test_id("mfa-secret").input_value()
        page.fill("[name=code]", code_of(secret))
        with page.expect_navigation():
            page.keyboard.press("Enter")
        codes = page.get_by_test_id("mfa-recovery").locator("li")
        expect(codes).to_have_count(10)
        expect(page.get_by_test_id("mfa-recovery-print")).to_be_visible()
        spare = codes.first.inner_text().strip()
        with page.expect_navigation():
            page.get_by_test_id("mfa-recovery-done").click()
        assert page.url.endswith("/app/")
        person.assert_clean()

        # A recovery code opens the account on another device.
        other = tab(host, language=language, phone=phone)
        page = other.sign_in(email)
        page.fill("[name=code]", spare)
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert page.url.endswith("/app/")
    finally:
        require(admin, role, wanted=False)
    page = other.open("/accounts/2fa/")
    with page.expect_navigation():
        page.get_by_test_id("mfa-app-off").click()
    confirm_password(page)
    with page.expect_navigation():
        page.get_by_test_id("mfa-off").click()
    expect(page.get_by_test_id("mfa-activate")).to_be_visible()
    other.assert_clean()
    admin.assert_clean()


def require(admin: Tab, role: str, *, wanted: bool) -> None:
    """Ask a second factor from a role, or no longer, on the page of rules."""
    page = admin.open(RULES)
    box = page.locator(f"[name=mfa_roles][value={role}]")
    box.set_checked(wanted)
    with page.expect_navigation():
        page.get_by_test_id("policy-save").click()
    expect(box).to_be_checked(checked=wanted)


def test_ending_one_session_and_all_others(tab: Callable[..., Tab]) -> None:
    email = "awa@mecaformation.example"
    here, phone, third = (tab(HOST), tab(HOST, phone=True), tab(HOST, language="en"))
    for one in (here, phone, third):
        one.sign_in(email)
    page = here.open("/accounts/sessions/")
    rows = page.get_by_test_id("session")
    expect(rows).to_have_count(3)
    expect(page.locator("[data-testid=session][data-current]")).to_have_count(1)
    with page.expect_navigation():
        rows.nth(1).get_by_test_id("session-end").click()
    expect(rows).to_have_count(2)
    with page.expect_navigation():
        page.get_by_test_id("sessions-end").click()
    expect(rows).to_have_count(1)
    for other in (phone, third):
        other.page.goto(other.stack.url(HOST, "/app/profile/"))
        assert "/accounts/login/" in other.page.url
    here.open("/app/profile/")
    here.assert_clean()
