"""One furnished space per school: an object behind every kind of id that an address can hold.

A new page whose address holds an id needs a line in ``_FACTS`` (values of one space) or in
``SHARED`` (values that mean the same in every space); ``kwargs_of`` says so when it is missing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.core import mail
from django.urls import reverse
from django.urls.resolvers import URLPattern
from django.utils import timezone

from tenants.context import use
from tenants.registry import TenantInfo

GIFT = """$CATEGORY: {m}/Shelf

::{m} single:: Which one is {m}? {{ =right {m}#well done {m} ~wrong {m}#no {m} }}

::{m} essay:: Explain {m}. {{}}
"""
DAY_SECONDS = 24 * 3600


@dataclass
class World:
    """A space with people and objects whose every text holds ``marker``."""

    tenant: TenantInfo
    marker: str
    ids: dict[str, str] = field(default_factory=dict)
    people: dict[str, Any] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return self.tenant.primary_host


# --- values that are the same in every space, by "view" or "namespace:*" and argument -------------

SHARED: dict[tuple[str, str], str] = {
    ("marketplace:module", "slug"): "quiz",
    ("marketplace:module_trial", "slug"): "quiz",
    ("marketplace:module_switch", "slug"): "quiz",
    ("marketplace:module_settings", "slug"): "quiz",
    ("marketplace:module_rate", "slug"): "quiz",
    ("marketplace:module_uninstall", "slug"): "quiz",
    ("marketplace:module_keep", "slug"): "quiz",
    ("marketplace:module_export", "slug"): "quiz",
    ("marketplace:screenshot", "slug"): "quiz",
    ("marketplace:screenshot_add", "slug"): "quiz",
    ("marketplace:screenshot_review", "slug"): "quiz",
    ("marketplace:screenshot_change", "slug"): "quiz",
    ("marketplace:listing", "slug"): "quiz",
    ("marketplace:listing_move", "slug"): "quiz",
    ("marketplace:listing_texts", "slug"): "quiz",
    ("marketplace:listing_stop", "slug"): "quiz",
    ("marketplace:listing_release", "slug"): "quiz",
    ("marketplace:rating_answer", "slug"): "quiz",
    ("marketplace:publisher", "publisher"): "tremplin",
    ("marketplace:statement", "publisher"): "tremplin",
    # No endpoint has this id: an event of Stripe is for none of the spaces.
    ("djstripe:djstripe_webhook_by_uuid", "uuid"): "6a0d6a86-55a4-4a4e-8d0c-2f0f0c1f3a11",
    ("stripe_connect", "uuid"): "6a0d6a86-55a4-4a4e-8d0c-2f0f0c1f3a11",
    ("portal:branding_preview", "part"): "dashboard",
    ("reseller:catalogue_module", "slug"): "quiz",
    ("reseller:brand_restore", "number"): "1",
    ("people:audit_event", "event"): "1",  # every log begins with its own first row
    ("sso_console:oidc_add", "preset"): "generic",
    ("operations:mirror_kind", "kind"): "customers",
    ("quiz_console:question_new", "kind"): "single",
    ("quiz_console:attempts_export", "form"): "csv",
    ("quiz_console:library_install", "pack"): "python-basics",
}

# --- values that belong to one space: the name of the fact, by view and argument or argument ------

_FACTS: dict[tuple[str, str], str] = {
    ("people:cohort", "slug"): "cohort_slug",
    ("people:cohort_edit", "slug"): "cohort_slug",
    ("people:bulk_preview", "action"): "bulk_action",
    ("people:pilot", "person"): "pilot",
    ("people:role", "code"): "role_code",
    ("people:role_edit", "code"): "role_code",
    ("people:role_delete", "code"): "role_code",
    ("identity:invitation", "token"): "invitation_token",
    ("operations:start_confirm", "token"): "confirm_token",
    ("operations:start_enter", "token"): "enter_token",
    ("portal:brand_file", "name"): "brand_file",
    ("portal:theme", "css_hash"): "css_hash",
    ("portal:theme_preview", "draft"): "draft",
    ("portal:branding_restore", "number"): "brand_number",
    ("files:download", "file"): "file",
    ("files:download", "signature"): "file_signature",
    ("files:download", "name"): "file_name",
    ("account_confirm_email", "key"): "confirm_email_key",
    ("account_reset_password_from_key", "uidb36"): "reset_uid",
    ("account_reset_password_from_key", "key"): "reset_key",
    ("demo:mail", "key"): "demo_mail",
    ("demo:mail_html", "key"): "demo_mail",
    ("quiz:attempt", "attempt"): "open_attempt",
    ("quiz:attempt_slash", "attempt"): "open_attempt",
    ("quiz:save", "attempt"): "open_attempt",
    ("quiz:answer", "attempt"): "open_attempt",
    ("quiz:confirm", "attempt"): "open_attempt",
    ("quiz:submit", "attempt"): "open_attempt",
    ("people:domain_check", "domain"): "own_domain",
    ("people:domain_primary", "domain"): "own_domain",
    ("people:domain_remove", "domain"): "own_domain",
    ("identity:session_end", "session"): "session",
    ("mfa_edit_webauthn", "pk"): "passkey",
    ("mfa_remove_webauthn", "pk"): "passkey",
    ("support:enter", "token"): "visit_token",
    ("people:support_end", "visit"): "visit",
    ("scim:resource", "path"): "scim_path",
    ("sso_console:domain", "domain"): "mail_domain",
    ("billing:checkout", "version"): "plan_version",
    ("billing:quote", "quote"): "billing_quote",
    ("billing:pay", "quote"): "billing_quote",
    ("billing:change", "quote"): "billing_change",
    ("", "order"): "order",
    ("", "subscription"): "subscription",
    ("", "invoice"): "invoice",
    ("", "rating"): "rating",
    ("", "entry"): "sales_entry",
    ("", "purchase"): "sales_order",
    ("", "paper"): "sales_document",
    ("", "screenshot"): "screenshot",
    ("", "provider_id"): "oidc_slug",
    ("", "organization_slug"): "saml_slug",
    ("", "slug"): "saml_slug",
    ("", "connection"): "oidc",
    ("", "trace"): "trace",
    ("api_console:key_rotate", "key"): "api_key",
    ("api_console:key_revoke", "key"): "api_key",
    ("api_console:client_rotate", "client"): "api_client",
    ("api_console:client_revoke", "client"): "api_client",
    ("", "person"): "person",
    ("", "upload"): "upload",
    ("", "statement"): "statement",
    ("", "export"): "export",
    ("", "space"): "space",
    ("reseller:client", "client"): "space",
    ("reseller:brand_restore", "number"): "brand_number",
    ("reseller:health_client", "client"): "space",
    ("", "plan"): "plan",
    ("", "version"): "plan_version",
    ("", "price"): "price",
    ("", "coupon"): "coupon",
    ("", "licence"): "licence",
    ("", "quiz"): "quiz",
    ("", "section"): "section",
    ("", "question"): "question",
    ("", "attempt"): "attempt",
    ("", "answer"): "answer",
    ("", "batch"): "batch",
}


class NoFactory(LookupError):
    """Raised for an address with an argument that no object of the world fills."""


def kwargs_of(name: str, pattern: URLPattern, world: World) -> dict[str, str]:
    """Return the arguments of one address, all of them pointing at objects of ``world``.

    Raises ``NoFactory`` with what to add.
    """
    found = {}
    for argument in arguments_of(pattern):
        if (name, argument) in SHARED:
            found[argument] = SHARED[name, argument]
            continue
        fact = _FACTS.get((name, argument)) or _FACTS.get(("", argument))
        if fact is None:
            raise NoFactory(
                f"the page {name!r} has the argument {argument!r}: make such an object in "
                f"tests/isolation/world.py and name it in _FACTS (or in SHARED)"
            )
        found[argument] = world.ids[fact]
    return found


def arguments_of(pattern: URLPattern) -> list[str]:
    """Return the names of the arguments of one pattern, in order."""
    regex: re.Pattern[str] = pattern.pattern.regex  # type: ignore[assignment]
    return list(regex.groupindex)


# --- furnishing ----------------------------------------------------------------------------------


def furnish(tenant: TenantInfo, hq: TenantInfo) -> World:
    """Fill ``tenant`` through the real services and return what was made."""
    from tests.isolation.world_access import furnish_access
    from tests.isolation.world_billing import furnish_billing
    from tests.isolation.world_sales import furnish_sales
    from tremplin.kernel import gate

    world = World(tenant, f"zqx{tenant.slug}")
    with use(tenant):
        gate.set_licence(tenant, "quiz", "on", reason=world.marker)
        gate.activate(tenant, "quiz")
        for make in (
            _people,
            sign_in,
            furnish_access,
            _upload,
            _account_links,
            _brand,
            _files,
            _messages,
            _quiz,
            _operations,
            furnish_billing,
            furnish_sales,
        ):
            make(world)
    with use(hq):
        _pending_space(world)
    return world


def _people(world: World) -> None:
    from tremplin.api.services import Accommodation
    from tremplin.identity import services
    from tremplin.identity.internal import bulk, bulk_run
    from tremplin.profiles.services import set_accommodation

    m = world.marker
    cohort = services.ensure_cohort(f"Cohort {m}")
    for role in ("admin", "learner"):
        world.people[role] = services.create_person(
            email=f"{role}-{m}@people.example",
            first_name=f"First {m}",
            last_name=f"Last {m}",
            roles=(role,),
            locale="en",
            password=f"a long enough phrase {m} 7",
            cohorts=[cohort],
        )
    services.suspend(
        services.create_person(email=f"gone-{m}@people.example", first_name=m, last_name=m),
        f"Reason {m}",
    )
    pilot = services.create_pilots(
        prefix=m,
        count=1,
        role="learner",
        cohort=cohort,
        expires_at=timezone.now() + timedelta(days=30),
        locale="en",
        domain=f"{m}.invalid",
    )[0].person
    services.allow_custom_roles(world.tenant, True)
    role = services.create_role(
        f"Role {m}",
        f"For {m}",
        copied_from="coach",
        permissions=["portal.console"],
        grantable=frozenset({"portal.console"}),
        created_by=world.people["admin"],
    )
    chosen = bulk_run.open_preview(
        world.people["admin"],
        bulk.Action("cohort_add", cohort=cohort),
        [world.people["learner"].pk],
    )
    world.ids |= {
        "pilot": str(pilot.pk),
        "role_code": role.group.name,
        "bulk_action": str(chosen.pk),
        "person": str(world.people["learner"].pk),
        "cohort": str(cohort.pk),
        "cohort_slug": cohort.slug,
    }
    set_accommodation(
        world.people["learner"].pk, Accommodation(extra_time_numerator=1, extra_time_denominator=3)
    )


def sign_in(world: World) -> None:
    """Open one session per person of ``world``; ``world.cookies`` holds their keys."""
    from django.test import Client

    for role, person in world.people.items():
        client = Client(headers={"host": world.host})
        client.force_login(person, backend="tremplin.identity.backends.RoleBackend")
        world.cookies[role] = client.cookies["sessionid"].value


def _upload(world: World) -> None:
    from tremplin.identity.importing import uploads

    m = world.marker
    upload = uploads.keep(
        world.people["admin"],
        world.cookies["admin"],
        name=f"{m}.csv",
        content=f"email,first_name,last_name\nnew@{m}.example,{m},{m}\n".encode(),
        default_role="learner",
        default_cohort=m,
    )
    world.ids["upload"] = str(upload.pk)


def _link(start: str) -> str:
    found = re.search(rf"https?://[^/\s]+({start}\S*)", mail.outbox[-1].body)
    assert found, mail.outbox[-1].body
    return found[1]


def _account_links(world: World) -> None:
    from allauth.account.models import EmailConfirmationHMAC
    from allauth.account.utils import user_pk_to_url_str

    from tremplin.identity import services
    from tremplin.identity.internal.invitation_mail import send_invitation
    from tremplin.identity.reset_tokens import ResetTokens

    m, learner = world.marker, world.people["learner"]
    invitation = services.invite(
        f"guest-{m}@people.example",
        cohorts=[services.ensure_cohort(f"Cohort {m}")],
        first_name=m,
        last_name=m,
    )
    send_invitation(invitation.pk)
    world.ids["invitation_token"] = _link("/accounts/invitation/").rstrip("/").rsplit("/", 1)[-1]
    unverified = invitation.person.emailaddress_set.get()
    world.ids["confirm_email_key"] = EmailConfirmationHMAC(unverified).key
    world.ids["reset_uid"] = user_pk_to_url_str(learner)
    world.ids["reset_key"] = ResetTokens().make_token(learner)


LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40">'
    '<rect width="40" height="40" fill="{colour}"/></svg>'
)


def _brand(world: World) -> None:
    from tenants.branding import logo, services
    from tenants.branding.services import Inputs

    colours = ("#1e3a8a", "#7c2d12") if world.tenant.slug < "m" else ("#14532d", "#581c87")
    author = world.people["admin"].pk
    stored = logo.store(LOGO.format(colour=colours[0]).encode())
    published = services.publish(
        world.tenant,
        Inputs(primary=colours[0], short_name=world.marker),
        author=author,
        logo=stored,
    )
    draft = services.save_draft(
        world.tenant, Inputs(primary=colours[1], short_name=world.marker), author=author
    )
    world.ids |= {
        "brand_file": stored.logo.rsplit("/", 1)[-1],
        "css_hash": published.css_hash,
        "brand_number": str(published.number),
        "draft": str(draft.pk),
    }


def _files(world: World) -> None:
    from tremplin.api import services
    from tremplin.files.models import StoredFileRecord
    from tremplin.files.service import signature_of

    m = world.marker
    file = services.files().save(
        f"{m}.txt", f"content {m}".encode(), mime="text/plain",
        owner=world.people["learner"].pk, purpose=f"person.{m}",
    )  # fmt: skip
    world.ids |= {
        "file": str(file.id),
        "file_signature": signature_of(file.id),
        "file_name": StoredFileRecord.objects.get(pk=file.id).name,
    }


def _messages(world: World) -> None:
    from django.core.mail import EmailMessage

    from tremplin.api import services
    from tremplin.kernel import audit
    from tremplin.notifications.backends import FolderBackend, folder

    m = world.marker
    texts = {"en": f"Text {m}", "fr": f"Texte {m}"}
    services.notify().send(
        [person.pk for person in world.people.values()],
        f"test.{m}", title=texts, body=texts, url=f"/app/?{m}", action=texts,
    )  # fmt: skip
    audit.record(f"test.{m}", target=m, data={"text": m})
    FolderBackend().send_messages([EmailMessage(m, m, to=[f"{m}@people.example"])])
    path = max(folder(str(world.tenant.uuid)).glob("*.eml"))
    world.ids["demo_mail"] = path.stem


def _quiz(world: World) -> None:
    from plugins.quiz.models import Answer, Category, Question, QuestionVersion, Quiz
    from plugins.quiz.services import assigning, authoring, marking, taking, transferring
    from tremplin.api import services

    m = world.marker
    author = services.contexts().for_person(world.people["admin"].pk)
    learner = services.contexts().for_person(world.people["learner"].pk)
    batch = transferring.open_batch(author, f"{m}.gift", GIFT.format(m=m).encode(), "gift")
    transferring.import_batch(author, batch, None)
    waiting = transferring.open_batch(author, f"{m}.gift", GIFT.format(m=m).encode(), "gift")
    questions = list(Question.objects.order_by("current__title"))
    assert [q.current.kind for q in questions] == ["essay", "single"]
    tagged: QuestionVersion = questions[1].current
    QuestionVersion.objects.filter(pk=tagged.pk).update(
        skills=[m], tags=[m], feedback=f"Feedback {m}"
    )
    quiz = Quiz.objects.create(
        title=f"Quiz {m}", description=f"About {m}", attempts_allowed=None, minutes=30,
        review="practice", created_by=author.person.id,
    )  # fmt: skip
    section = authoring.create_section(quiz, title=f"Section {m}")
    authoring.choose_questions(section, questions)
    authoring.set_state(quiz, Quiz.State.PUBLISHED)
    authoring.create_section(quiz, title=m, source="draw", draw_skills=[m], draw_tags=[m])
    assigning.assign(author, quiz, people=[learner.person.id])
    first = taking.start(learner, quiz)
    for answer in first.answers.select_related("version"):
        value = (
            f"Essay {m}" if answer.version.kind == "essay" else answer.version.typed.choices[0].key
        )
        taking.save_answer(learner, first.pk, answer.position, {"value": value})
    taking.submit(learner, first)
    essay = Answer.objects.get(attempt=first, needs_marking=True)
    marking.mark_answer(author, essay.pk, Decimal(1), f"Comment {m}")
    opened = taking.start(learner, quiz)
    world.ids |= {
        "quiz": str(quiz.pk),
        "section": str(section.pk),
        "question": str(questions[1].pk),
        "category": str(Category.objects.get(name="Shelf").pk),
        "attempt": str(first.pk),
        "open_attempt": str(opened.pk),
        "answer": str(essay.pk),
        "batch": str(waiting.pk),
    }


def _operations(world: World) -> None:
    from tenants import domains
    from tremplin.operations import exports, services
    from tremplin.privacy.services import request_erasure

    world.ids["space"] = str(world.tenant.uuid)
    own = domains.add(world.tenant, f"campus.{world.marker}.example")
    world.ids["own_domain"] = str(own.uuid)
    export = exports.ask(world.people["admin"].pk)
    exports.make(export.pk)
    world.ids["export"] = str(export.pk)
    world.ids["enter_token"] = services.hand_over(world.tenant, world.people["admin"].email)
    request_erasure(world.people["learner"].pk)


def _pending_space(world: World) -> None:
    from tremplin.operations.services import SpaceRequest, request_space

    m = world.marker
    request_space(
        SpaceRequest(
            f"Space {m}", f"new-{m}", "school", f"boss@{m}.example", "a long phrase 77", "fr"
        )
    )
    world.ids["confirm_token"] = _link("/start/confirm/").rstrip("/").rsplit("/", 1)[-1]


def address(name: str, pattern: URLPattern, world: World) -> str:
    """Return the path of a page with the objects of ``world``."""
    if name.startswith("/"):
        return name  # a page of a library, without a name of its own
    if name == "api:unknown":
        return "/api/v1/nothing"
    return reverse(name, kwargs=kwargs_of(name, pattern, world))
