"""Two visitors, the operator's and a reseller's, and what they do to start a visit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

REASON = "ticket 12: the import fails"


@dataclass
class Visitor:
    """Somebody who may visit ``target`` from ``space``; ``form`` is the page that starts it."""

    space: Any
    target: Any
    person: Any
    owner: Any
    client: Any
    form: str
    fields: dict[str, str] = field(default_factory=lambda: {"role": "admin", "reason": REASON})
    visit_client: Any = None

    def consent_of(self, tenant: Any, allowed: bool) -> None:
        """Set the switch of ``tenant``."""
        from tenants.context import use
        from tremplin.identity.models import SpaceOwner
        from tremplin.identity.support import consent

        with use(tenant):
            consent.set_consent(tenant, allowed=allowed, by=SpaceOwner.objects.get().person_id)

    def consent(self, allowed: bool) -> None:
        """Set the switch of the space to visit."""
        self.consent_of(self.target, allowed)

    def browser(self, tenant: Any) -> Any:
        """Return a client of ``tenant`` where nobody is signed in."""
        from django.test import Client

        return Client(headers={"host": tenant.primary_host})

    def ask(self, **fields: str) -> Any:
        """Send the form that starts a visit."""
        return self.client.post(self.form, {**self.fields, **fields})

    def link(self, **fields: str) -> str:
        """Start a visit and return the path that opens it."""
        answer = self.ask(**fields)
        assert answer.status_code == 303, answer.content.decode()
        target = urlsplit(answer.headers["Location"])
        assert target.hostname == self.target.primary_host
        return target.path

    def visit(self, **fields: str) -> Any:
        """Return a client inside a visit."""
        client = self.browser(self.target)
        opened = client.get(self.link(**fields))
        assert opened.status_code == 302, opened.content.decode()
        self.visit_client = client
        return client


def _owner(tenant: Any) -> Any:
    from tenants.context import use
    from tremplin.identity.models import SpaceOwner, User
    from tremplin.kernel.models import AuditEvent

    with use(tenant):
        owner = User.objects.get(pk=SpaceOwner.objects.get().person_id)
        owner.first_name, owner.last_name = "Grace", "Okafor"
        owner.save()
        assert not AuditEvent.objects.filter(kind__startswith="security.support").exists()
    return owner


@pytest.fixture
def visitors(hq: Any, space: Any, tenant_a: Any, client_for: Any) -> dict[str, Visitor]:
    """«hq» visits a school that turned its switch on, «reseller» its client."""
    from tenants import registry
    from tenants.context import public_write, use
    from tenants.models import Tenant
    from tremplin.identity import mfa, services

    reseller = space("passerelle")
    with public_write("tests"):
        Tenant.objects.filter(slug="volteo").update(reseller_id=reseller.pk)
    registry.invalidate()
    client_space = space("volteo")
    found = {}
    for side, home, target, role, form in (
        ("hq", hq, tenant_a, "platform_admin", "/platform/spaces/{}/view-as/"),
        ("reseller", reseller, client_space, "reseller_staff", "/reseller/clients/{}/view-as/"),
    ):
        owner = _owner(target)
        with use(home):
            person = services.create_person(
                email="ada@visitors.example", first_name="Ada", last_name="Verdier",
                roles=(role,), locale="en",
            )  # fmt: skip
            mfa.enrol_totp(person, "JBSWY3DPEHPK3PXP")
        visitor = Visitor(
            home, target, person, owner, client_for(home, person), form.format(target.uuid)
        )
        with use(target):
            services.update_person(owner, first_name="Grace", last_name="Okafor", locale="en")
        visitor.consent(True)
        found[side] = visitor
    with use(tenant_a):
        _forget(tenant_a)
    with use(client_space):
        _forget(client_space)
    return found


def _forget(tenant: Any) -> None:
    """Leave the events of the consent out of what tests count."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM kernel_auditevent WHERE kind LIKE 'security.support%'")
