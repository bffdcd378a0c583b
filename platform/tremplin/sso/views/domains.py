"""Page of the mail domains of the space."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from tremplin.kernel.access import guarded
from tremplin.sso import email_domains
from tremplin.sso.errors import SsoError
from tremplin.sso.models import EmailDomain


class DomainForm(forms.Form):
    """A domain to prove."""

    domain = forms.CharField(
        label=gettext_lazy("Domain"),
        max_length=253,
        help_text=gettext_lazy("What stands behind the @ in your addresses."),
    )


@guarded("sso.manage_sso")
@require_http_methods(["GET", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """Show the domains and add one."""
    form = DomainForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            row = email_domains.add(form.cleaned_data["domain"])
        except SsoError as error:
            form.add_error("domain", error.message)
        else:
            return redirect("sso_console:domain", domain=row.domain)
    context = {
        "page_title": _("Mail domains"),
        "form": form,
        "rows": list(EmailDomain.objects.all()),
    }
    return render(request, "sso/domains/list.html", context, status=422 if form.errors else 200)


@guarded("sso.manage_sso")
@require_http_methods(["GET", "POST"])
def detail(request: HttpRequest, domain: str) -> HttpResponse:
    """Show how to prove a domain; send a code, take it, look at the record, or forget it."""
    row = get_object_or_404(EmailDomain, domain=domain)
    problem = ""
    if request.method == "POST":
        try:
            done = _act(request, row)
        except SsoError as error:
            problem = error.message
        else:
            if done is not None:
                return done
            return redirect("sso_console:domain", domain=row.domain)
    context: dict[str, Any] = {
        "page_title": row.domain,
        "row": row,
        "problem": problem,
        "mailboxes": [(name, f"{name}@{row.domain}") for name in email_domains.MAILBOXES],
        "record_name": email_domains.record_name(row.domain),
        "record_value": email_domains.record_value(row.domain),
    }
    return render(request, "sso/domains/detail.html", context, status=422 if problem else 200)


def _act(request: HttpRequest, row: EmailDomain) -> HttpResponse | None:
    action = request.POST.get("action", "")
    if action == "send":
        address = email_domains.send_code(row, request.POST.get("mailbox", ""))
        messages.success(request, _("A code left for %(address)s.") % {"address": address})
    elif action == "code":
        email_domains.prove_by_code(row, request.POST.get("code", "")[:40])
        messages.success(request, _("%(domain)s is proven.") % {"domain": row.domain})
    elif action == "record":
        email_domains.prove_by_record(row)
        messages.success(request, _("%(domain)s is proven.") % {"domain": row.domain})
    elif action == "remove":
        email_domains.remove(row)
        messages.success(request, _("%(domain)s was removed.") % {"domain": row.domain})
        return redirect("sso_console:domains")
    else:
        raise Http404
    return None
