"""Who helps a space first, and where its requests go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail

from tenants import registry
from tenants.branding import support, texts
from tenants.context import public_write, use
from tenants.models import Tenant
from tenants.registry import TenantInfo
from tests.core.operations.reseller_money.conftest import Trade, sold_by
from tremplin.kernel.models import AuditEvent

SignedIn = Callable[..., Any]
pytestmark = pytest.mark.django_db
ASK = "/console/support/"
FIELDS = {"subject": "Import fails", "message": "The import of the list stops at line 12.\n\nWhy?"}


@pytest.fixture
def helped(trade: Trade) -> Trade:
    """The reseller gives its clients an address of its own."""
    with use(trade.reseller):
        texts.write_preset(
            trade.reseller.pk, {texts.SUPPORT: "aide@passerelle.example"}, frozenset()
        )
    return trade


def test_the_reseller_answers_its_clients_and_the_platform_everybody_else(
    helped: Trade, hq: TenantInfo
) -> None:
    assert support.first_level(helped.client) == support.Contact(
        helped.reseller.name, "aide@passerelle.example", is_reseller=True
    )
    # Without preset, the mailbox of the reseller's space.
    assert support.first_level(helped.stranger) == support.Contact(
        helped.rival.name, "billing@autre.example", is_reseller=True
    )
    for asks in (helped.reseller, sold_by(helped.client, None)):
        assert support.first_level(asks) == support.Contact(
            hq.name, "billing@hq.example", is_reseller=False
        )
    assert support.first_level(hq) is None
    with public_write("test"):
        Tenant.objects.filter(pk=hq.pk).update(email="")
    registry.invalidate()
    assert support.first_level(helped.reseller) is None


def test_help_footer_and_mails_show_the_reseller_s_address(
    helped: Trade, signed_in: SignedIn, client_for: Callable[..., Any]
) -> None:
    from tenants.branding.mail import Letter, compose

    visitor = client_for(helped.client).get("/help/").content.decode()
    assert 'href="mailto:aide@passerelle.example"' in visitor
    assert "first-level" not in visitor
    admin = signed_in(helped.client, "admin")
    page = admin.get("/help/").content.decode()
    assert f"{helped.reseller.name} supplies your space and answers you first." in page
    learner = signed_in(helped.client, "learner").get("/help/").content.decode()
    assert "supplies your space" not in learner
    with use(helped.client):
        assert compose("x@x.example", Letter("Hello", ["You"])).reply_to == [
            "aide@passerelle.example"
        ]
    with use(helped.stranger):
        assert compose("x@x.example", Letter("Hello", ["You"])).reply_to == []
    stranger = client_for(helped.stranger).get("/help/").content.decode()
    assert "passerelle.example" not in stranger


def test_a_request_goes_to_the_reseller(helped: Trade, signed_in: SignedIn) -> None:
    admin = signed_in(helped.client, "admin")
    page = admin.get(ASK).content.decode()
    assert ("aide@passerelle.example" in page, "support-form" in page) == (True, True)
    answer = admin.post(ASK, FIELDS, follow=True)
    assert f"Sent to {helped.reseller.name}." in answer.content.decode()
    (sent,) = mail.outbox
    assert sent.to == ["aide@passerelle.example"]
    assert sent.reply_to == [f"admin-money@{helped.client.slug}.example"]
    assert sent.subject == f"{helped.client.name} demande : Import fails"
    assert "The import of the list stops at line 12." in sent.body
    with use(helped.client):
        assert AuditEvent.objects.get(kind="support.asked").data == {"to_reseller": True}


def test_what_is_no_request_is_refused(helped: Trade, signed_in: SignedIn) -> None:
    admin = signed_in(helped.client, "admin")
    for wrong in (
        {"subject": "", "message": "long enough to be read"},
        {"subject": "Import", "message": "short"},
        {"subject": "x" * 121, "message": "long enough to be read"},
        {"subject": "Import", "message": "x" * 4001},
    ):
        assert admin.post(ASK, wrong).status_code == 422
    assert mail.outbox == []
    # A line break in the subject adds no header.
    admin.post(ASK, {**FIELDS, "subject": "Import\r\nBcc: all@x.example"})
    (sent,) = mail.outbox
    assert (sent.bcc, "\n" in sent.subject) == ([], False)


def test_ten_requests_in_an_hour(helped: Trade, signed_in: SignedIn) -> None:
    admin = signed_in(helped.client, "admin")
    statuses = [admin.post(ASK, FIELDS).status_code for _ in range(11)]
    assert statuses == [302] * 10 + [429]
    assert len(mail.outbox) == 10


def test_the_reseller_asks_the_platform_and_learners_ask_nobody(
    helped: Trade, hq: TenantInfo, signed_in: SignedIn
) -> None:
    owner = signed_in(helped.reseller, "admin")
    assert owner.post(ASK, FIELDS).status_code == 302
    assert mail.outbox[0].to == ["billing@hq.example"]
    assert signed_in(helped.client, "learner").get(ASK).status_code == 403
    assert signed_in(hq, "admin").get(ASK).status_code == 404
