"""The brand of the space: colours guarded for contrast, logo, preview, versions."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from tenants.branding import logo as logos
from tenants.branding import services as branding
from tenants.branding import texts, tokens
from tremplin.kernel import audit
from tremplin.kernel.access import guarded
from tremplin.kernel.settings_store import LockedSetting
from tremplin.notifications.mail import sample_html
from tremplin.portal import shell as shells
from tremplin.portal.branding_forms import BrandForm, TextsForm, kept_in

# A mail carries its styles inline; the frame runs no script and loads nothing.
MAIL_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"
)
PARTS = {
    "login": "portal/pages/preview_login.html",
    "dashboard": "portal/pages/preview_dashboard.html",
    "mail": "portal/pages/preview_mail.html",
}


def _data(request: HttpRequest) -> Any:
    data = request.POST.copy()
    for name in ("primary", "accent"):
        data[name] = data.get(name, "").strip().lower()
    if accepted := data.get("use_primary"):
        data["primary"] = accepted
    return data


def _verdict(form: BrandForm) -> tokens.Proposal | None:
    value = str(form["primary"].value() or "")
    return tokens.guard(value) if tokens.HEX.match(value) else None


def _context(
    request: HttpRequest, form: BrandForm, words: TextsForm | None = None
) -> dict[str, Any]:
    verdict = _verdict(form)
    current = branding.shown_inputs(request.tenant, branding.published(request.tenant))
    rows = []
    if verdict is not None and verdict.accepted:
        accent = str(form["accent"].value() or "")
        brand = replace(
            current,
            primary=form["primary"].value(),
            accent=accent if tokens.HEX.match(accent) else "",
        ).brand()
        rows = tokens.audit(brand)
    return {
        "form": form,
        "verdict": verdict,
        "audit": rows,
        "audit_failing": sum(not row.holds for row in rows),
        "versions": branding.versions(request.tenant),
        "draft": branding.draft(request.tenant),
        "parts": [
            ("login", gettext("Login page")),
            ("dashboard", gettext("Home page")),
            ("mail", gettext("E-mail")),
        ],
        "kept": form.kept,
        "own_logo": bool(request.tenant.brand.logo_url),
        "texts": words or _texts_form(request),
    }


def _texts_form(request: HttpRequest) -> TextsForm:
    return TextsForm(tenant=request.tenant, kept=kept_in(request.tenant))


def _form(request: HttpRequest) -> BrandForm:
    return BrandForm(
        _data(request), request.FILES, kept=kept_in(request.tenant), initial=_initial(request)
    )


def _initial(request: HttpRequest) -> dict[str, Any]:
    row = branding.draft(request.tenant) or branding.published(request.tenant)
    return asdict(branding.shown_inputs(request.tenant, row))


def _author(request: HttpRequest) -> UUID | None:
    person = request.ctx.person
    return person.id if person else None


def _uploaded_logo(form: BrandForm) -> logos.LogoFiles | None:
    upload = form.cleaned_data.get("logo")
    if upload is None:
        return None
    if upload.size > logos.MAX_UPLOAD_BYTES:
        raise logos.LogoRefused(gettext("This file is larger than 5 MB. Send a smaller one."))
    return logos.store(upload.read())


@guarded(permission="portal.branding")
def edit(request: HttpRequest) -> HttpResponse:
    """Show the form; a POST keeps the choices as a draft that can be previewed."""
    if request.method != "POST":
        form = BrandForm(initial=_initial(request), kept=kept_in(request.tenant))
        return render(request, "portal/pages/branding.html", _context(request, form))
    form = _form(request)
    if "use_primary" in request.POST or not form.is_valid():
        status = 200 if "use_primary" in request.POST else 422
        return render(request, "portal/pages/branding.html", _context(request, form), status=status)
    try:
        branding.save_draft(
            request.tenant, form.inputs(), author=_author(request), logo=_uploaded_logo(form)
        )
    except (logos.LogoRefused, branding.LockedByReseller) as refused:
        return _refused(request, form, refused)
    messages.success(request, gettext("The draft is saved. Nobody sees it before you publish."))
    return redirect("portal:branding")


def _refused(request: HttpRequest, form: BrandForm, error: ValueError) -> HttpResponse:
    """Show the form again with what is wrong beside its field."""
    if isinstance(error, branding.ContrastRefused):
        form.add_error("primary", gettext("This colour is too light: accept the darker one below."))
    elif isinstance(error, branding.LockedByReseller):
        for name in error.fields:
            form.add_error(name, form.kept.refusal())
    else:
        form.add_error("logo", str(error))
    return render(request, "portal/pages/branding.html", _context(request, form), status=422)


@require_POST
@guarded(permission="portal.branding")
def check(request: HttpRequest) -> HttpResponse:
    """Answer the contrast of the colours being typed, as a fragment."""
    form = _form(request)
    return render(request, "portal/partials/branding_colours.html", _context(request, form))


@require_POST
@guarded(permission="portal.branding")
def publish(request: HttpRequest) -> HttpResponse:
    """Publish the choices as a new version; an unreadable colour is refused with a proposal."""
    form = _form(request)
    if not form.is_valid():
        return render(request, "portal/pages/branding.html", _context(request, form), status=422)
    try:
        verdict = tokens.guard(form.cleaned_data["primary"])
        if not verdict.accepted:
            raise branding.ContrastRefused(verdict)
        version = branding.publish(
            request.tenant, form.inputs(), author=_author(request), logo=_uploaded_logo(form)
        )
    except (logos.LogoRefused, branding.LockedByReseller, branding.ContrastRefused) as refused:
        return _refused(request, form, refused)
    audit.record("branding.published", target=str(version.number), data={"version": version.number})
    messages.success(
        request, gettext("Version %(number)s is published.") % {"number": version.number}
    )
    return redirect("portal:branding")


@require_POST
@guarded(permission="portal.branding")
def write_texts(request: HttpRequest) -> HttpResponse:
    """Store the legal line and the support address of the space."""
    words = TextsForm(request.POST, tenant=request.tenant, kept=kept_in(request.tenant))
    if words.is_valid():
        try:
            texts.write_own(request.tenant, **words.cleaned_data)
        except LockedSetting as refused:
            words.add_error(refused.field, kept_in(request.tenant).refusal())
        else:
            messages.success(request, gettext("The texts are saved."))
            return redirect("portal:branding")
    form = BrandForm(initial=_initial(request), kept=kept_in(request.tenant))
    context = _context(request, form, words)
    return render(request, "portal/pages/branding.html", context, status=422)


@require_POST
@guarded(permission="portal.branding")
def restore(request: HttpRequest, number: int) -> HttpResponse:
    """Bring a former version back, as a new version."""
    version = branding.restore(request.tenant, number, author=_author(request))
    if version is None:
        raise Http404
    audit.record("branding.restored", target=str(number), data={"version": version.number})
    messages.success(
        request,
        gettext("Version %(old)s is back, as version %(new)s.")
        % {"old": number, "new": version.number},
    )
    return redirect("portal:branding")


@guarded(permission="portal.branding")
def preview(request: HttpRequest, part: str) -> HttpResponse:
    """Show a page or a mail in the look of the draft (or of the published version)."""
    if part == "mail-frame":
        return _mail_frame(request)
    template = PARTS.get(part)
    if template is None:
        raise Http404
    draft = branding.draft(request.tenant)
    inputs = branding.shown_inputs(request.tenant, draft or branding.published(request.tenant))
    context: dict[str, Any] = {"inputs": inputs, "draft": draft, "preview": True}
    shell = shells.build(request)
    if draft is not None and shell is not None:
        css = shells.Stylesheets(
            inputs.pack, reverse("portal:theme_preview", kwargs={"draft": draft.pk})
        )
        space = replace(shell.space, logo_url=branding.file_url(draft.logo_file))
        context["shell"] = replace(shell, css=css, space=space, sidebar=inputs.sidebar)
    return render(request, template, context)


def _mail_frame(request: HttpRequest) -> HttpResponse:
    draft = branding.draft(request.tenant) or branding.published(request.tenant)
    html = sample_html(
        request.tenant,
        branding.shown_inputs(request.tenant, draft),
        logo_path=draft.mail_logo_file if draft else "",
    )
    response = HttpResponse(html)
    response["Content-Security-Policy"] = MAIL_POLICY
    response["Cache-Control"] = "no-store"
    return response
