"""The integration doctor: what a test sign-in brought, check by check, in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from tremplin.sso.models import Connection, LoginTrace
from tremplin.sso.role_mapping import roles_from
from tremplin.sso.services import audit

if TYPE_CHECKING:
    from tremplin.sso.saml.examination import Examination

KEPT = timedelta(days=7)
MOST = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One check in the reader's language; ``advice`` says what to change, and where."""

    code: str
    state: str
    label: str
    expected: str
    received: str
    advice: str


def _labels() -> dict[str, str]:
    return {
        "format": _("The answer is readable XML"),
        "status": _("The provider signed the person in"),
        "destination": _("The answer is addressed to us (Destination)"),
        "decryption": _("We can open what is encrypted"),
        "encryption": _("The assertion is encrypted"),
        "certificate": _("We know the certificate that signs"),
        "message_signature": _("The whole answer is signed"),
        "assertion_signature": _("The assertion is signed"),
        "assertion": _("The answer holds exactly one assertion"),
        "issuer": _("The answer comes from the provider of this connection (Issuer)"),
        "audience": _("The assertion is meant for our space (Audience)"),
        "recipient": _("The assertion is meant for our sign-in address (Recipient)"),
        "in_response_to": _("The answer belongs to the request we sent (InResponseTo)"),
        "confirmation_end": _("The answer arrived in time (SubjectConfirmationData)"),
        "not_before": _("The assertion is valid already (NotBefore)"),
        "not_on_or_after": _("The assertion is still valid (NotOnOrAfter)"),
        "identifier": _("The person has an identifier that does not change"),
        "email": _("The e-mail address is there"),
        "first_name": _("The first name is there"),
        "last_name": _("The last name is there"),
        "library": _("The rest of the answer follows SAML 2.0"),
    }


def _advice() -> dict[str, str]:
    return {
        "format": _("The provider sent something else than a SAML answer. Look at its log."),
        "status": _("Look at the log of the provider: it refused the person or the request."),
        "destination": _("Give the provider our metadata again, or correct its sign-in address."),
        "decryption": _(
            "The provider encrypts for another key. Give it our metadata again: these are the "
            "fingerprints of our keys."
        ),
        "encryption": _("Switch encryption on at the provider, or stop requiring it here."),
        "certificate": _(
            "The provider signs with a certificate that is not in the metadata you gave us. "
            "Download its metadata again and replace it here."
        ),
        "message_signature": _(
            "Let the provider sign the answer with the certificate of its metadata, or stop "
            "requiring a signed answer here if the assertion is signed."
        ),
        "assertion_signature": _(
            "Let the provider sign the assertion with the certificate of its metadata, or stop "
            "requiring a signed assertion here if the answer is signed."
        ),
        "assertion": _("Ask the provider for one assertion and no other."),
        "issuer": _("Replace the metadata by that of the provider that answers."),
        "audience": _(
            "Enter our entity ID at the provider, to the letter (no slash less or more)."
        ),
        "recipient": _("Enter our sign-in address (ACS) at the provider, to the letter."),
        "in_response_to": _(
            "The answer was not made for this test. Start the test here, in one window only."
        ),
        "confirmation_end": _(
            "Compare the clocks: that of the provider is late, or you took too long to sign in."
        ),
        "not_before": _("The clock of the provider is ahead by more than three minutes."),
        "not_on_or_after": _("The clock of the provider is late by more than three minutes."),
        "identifier": _(
            "The provider sends another identifier each time. Choose a persistent one, or name a "
            "stable attribute in the mapping."
        ),
        "email": _(
            "Let the provider release the address, or add the name under which it comes to the "
            "mapping. What came is listed here."
        ),
        "first_name": _("Not mandatory: the person can add it to the profile."),
        "last_name": _("Not mandatory: the person can add it to the profile."),
        "library": _("The library that checks signatures and structure refused the answer."),
    }


def findings(trace: LoginTrace) -> list[Finding]:
    """Return the checks of a trace in words."""
    labels, advice = _labels(), _advice()
    rows = []
    for check in trace.document.get("checks", []):
        state = {True: "ok", False: "failed", None: "skipped"}[check["is_ok"]]
        code = check["code"]
        rows.append(
            Finding(
                code,
                state,
                labels.get(code, code),
                check["expected"],
                check["received"],
                "" if state == "ok" else advice.get(code, ""),
            )
        )
    return rows


def finish_test(
    request: HttpRequest,
    connection: Connection,
    app: Any,
    answer: HttpRequest,
    raw: str,
    request_id: str,
) -> HttpResponse:
    """Examine the answer to a test, keep the trace and show it; nobody is signed in or created."""
    from tremplin.sso.saml.examination import examine

    result = examine(app, answer, raw, expected_request=request_id)
    person = request.user if request.user.is_authenticated else None
    trace = keep(connection, result, person)
    return redirect("sso_console:trace", trace=trace.pk)


@transaction.atomic
def keep(connection: Connection, result: Examination, person: Any) -> LoginTrace:
    """Store what a test found; only the last ones of a connection stay."""
    now = timezone.now()
    failed = result.failed
    trace = LoginTrace.objects.create(
        connection=connection,
        person=person,
        created_at=now,
        is_success=failed is None and result.auth is not None,
        failed_check=failed.code if failed is not None else "",
        document={
            "checks": [asdict(check) for check in result.checks],
            "attributes": result.attributes,
            "fields": result.fields,
            "name_id": result.name_id,
            "name_id_format": result.name_id_format,
            "session_index": result.session_index,
            "roles": roles_from(connection, result.attributes),
            "xml": result.xml,
        },
    )
    if trace.is_success:
        Connection.objects.filter(pk=connection.pk).update(last_test_at=now)
    kept = connection.traces.values_list("pk", flat=True)[:MOST]
    connection.traces.exclude(pk__in=list(kept)).delete()
    audit("security.sso_tested", connection, success=trace.is_success, code=trace.failed_check)
    return trace


@transaction.atomic
def forget_old() -> int:
    """Delete the traces that are over a week old; they hold personal data."""
    return LoginTrace.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]
