"""Messages in the page and by mail, each in its reader's language, once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from email import message_from_bytes, policy
from typing import TYPE_CHECKING

from tremplin.api import services
from tremplin.identity.models import User
from tremplin.identity.services import create_person
from tremplin.notifications.backends import folder
from tremplin.notifications.models import Notification
from tremplin.notifications.tasks import send_mails

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo

Inside = Callable[["TenantInfo"], AbstractContextManager[None]]


def _send(people: list[User]) -> int:
    return services.notify().send(
        [person.pk for person in people],
        "quiz.assigned",
        title={"en": "A quiz awaits you", "fr": "Un quiz vous attend"},
        body={"en": "Safety", "fr": "Sécurité"},
        url="/app/",
        action={"en": "Start", "fr": "Commencer"},
    )


def test_each_reader_has_her_language_and_one_mail(
    tenant_a: TenantInfo, tenant_b: TenantInfo, inside: Inside, settings: object
) -> None:
    settings.EMAIL_BACKEND = "tremplin.notifications.backends.FolderBackend"  # type: ignore[attr-defined]
    with inside(tenant_b):
        stranger = create_person(email="stranger@example.org")
    with inside(tenant_a):
        people = [
            create_person(email="anna@example.org", locale="en"),
            create_person(email="zoe@example.org", locale="fr"),
        ]
        before = len(list(folder(str(tenant_a.uuid)).glob("*.eml")))
        assert _send([*people, stranger]) == 2
        rows = {row.person.email: row for row in Notification.objects.select_related("person")}
        assert rows["anna@example.org"].title == "A quiz awaits you"
        assert rows["zoe@example.org"].title == "Un quiz vous attend"
        ids = [str(row.pk) for row in rows.values()]
        assert send_mails.run(notifications=ids) == 2
        assert send_mails.run(notifications=ids) == 0
    files = sorted(folder(str(tenant_a.uuid)).glob("*.eml"))[before:]
    mails = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in files]
    subjects = {str(mail["To"]): str(mail["Subject"]) for mail in mails}
    assert subjects == {
        "anna@example.org": "A quiz awaits you",
        "zoe@example.org": "Un quiz vous attend",
    }
    body = mails[0].get_body(("html",)).get_content()
    assert tenant_a.name in body
    assert "<style" not in body.split("</head>")[1]


def test_the_list_counts_and_marks_read(
    tenant_a: TenantInfo, inside: Inside, client_for: Callable[..., Client]
) -> None:
    with inside(tenant_a):
        person = create_person(email="anna@example.org", locale="en")
        _send([person])
    client = client_for(tenant_a, person)
    assert "A quiz awaits you" in client.get("/app/notifications/").content.decode()
    assert client.post("/app/notifications/read/").status_code == 302
    with inside(tenant_a):
        assert Notification.objects.filter(person=person, read_at__isnull=True).count() == 0
