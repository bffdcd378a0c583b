"""The brand of the space: colours guarded for contrast, logo, preview, versions."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.http import require_POST

from tenants.branding import logo as logos
from tenants.branding import services as branding
from tenants.branding import themes, tokens
from tremplin.kernel import audit
from tremplin.kernel.access import guarded
from tremplin.notifications.mail import sample_html
from tremplin.portal import shell as shells

FONTS = {
    "inter": "Inter",
    "manrope": "Manrope",
    "bricolage": "Bricolage Grotesque",
    "source-serif": "Source Serif 4",
}
# A mail carries its styles inline; the frame runs no script and loads nothing.
MAIL_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"
)
PARTS = {
    "login": "portal/pages/preview_login.html",
    "dashboard": "portal/pages/preview_dashboard.html",
    "mail": "portal/pages/preview_mail.html",
}


def _theme_choices() -> list[tuple[str, str]]:
    return [(theme.name, theme.label) for theme in themes.installed().values()]


class BrandForm(forms.Form):
    """The choices of an administrator; the contrast of the primary colour is checked on publish."""

    logo = forms.FileField(
        label=gettext_lazy("Logo"),
        required=False,
        help_text=gettext_lazy("PNG, JPEG, WebP or SVG, at most 5 MB."),
    )
    short_name = forms.CharField(
        label=gettext_lazy("Short name"),
        max_length=24,
        required=False,
        help_text=gettext_lazy("Shown where the full name does not fit."),
    )
    primary = forms.RegexField(
        label=gettext_lazy("Primary colour"),
        regex=tokens.HEX,
        error_messages={
            "invalid": gettext_lazy("Write the colour as # and six digits, such as #1e40af.")
        },
    )
    accent = forms.RegexField(
        label=gettext_lazy("Second colour"),
        regex=tokens.HEX,
        error_messages={
            "invalid": gettext_lazy("Write the colour as # and six digits, such as #1e40af.")
        },
    )
    font_heading = forms.ChoiceField(label=gettext_lazy("Headings"), choices=FONTS.items())
    font_body = forms.ChoiceField(label=gettext_lazy("Text"), choices=FONTS.items())
    pack = forms.ChoiceField(
        label=gettext_lazy("Style"),
        choices=[
            ("vega", gettext_lazy("Vega: rounded and airy")),
            ("nova", gettext_lazy("Nova: compact")),
            ("lyra", gettext_lazy("Lyra: square and dense")),
            ("sera", gettext_lazy("Sera: editorial")),
        ],
    )
    sidebar = forms.ChoiceField(
        label=gettext_lazy("Side bar"),
        choices=[
            ("light", gettext_lazy("Light")),
            ("dark", gettext_lazy("Dark")),
            ("brand", gettext_lazy("In the brand colour")),
        ],
    )
    radius = forms.IntegerField(
        label=gettext_lazy("Corner radius (pixels)"), min_value=0, max_value=24
    )
    theme = forms.ChoiceField(label=gettext_lazy("Theme"), choices=_theme_choices)

    def clean_primary(self) -> str:
        return str(self.cleaned_data["primary"]).lower()

    def clean_accent(self) -> str:
        return str(self.cleaned_data["accent"]).lower()

    def inputs(self) -> branding.Inputs:
        values = {key: value for key, value in self.cleaned_data.items() if key != "logo"}
        return branding.Inputs(**values)


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


def _context(request: HttpRequest, form: BrandForm) -> dict[str, Any]:
    verdict = _verdict(form)
    current = branding.inputs_of(branding.published(request.tenant))
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
    }


def _initial(request: HttpRequest) -> dict[str, Any]:
    return asdict(
        branding.inputs_of(branding.draft(request.tenant) or branding.published(request.tenant))
    )


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
        form = BrandForm(initial=_initial(request))
        return render(request, "portal/pages/branding.html", _context(request, form))
    form = BrandForm(_data(request), request.FILES)
    if "use_primary" in request.POST or not form.is_valid():
        status = 200 if "use_primary" in request.POST else 422
        return render(request, "portal/pages/branding.html", _context(request, form), status=status)
    try:
        branding.save_draft(
            request.tenant, form.inputs(), author=_author(request), logo=_uploaded_logo(form)
        )
    except logos.LogoRefused as refused:
        form.add_error("logo", str(refused))
        return render(request, "portal/pages/branding.html", _context(request, form), status=422)
    messages.success(request, gettext("The draft is saved. Nobody sees it before you publish."))
    return redirect("portal:branding")


@require_POST
@guarded(permission="portal.branding")
def check(request: HttpRequest) -> HttpResponse:
    """Answer the contrast of the colours being typed, as a fragment."""
    form = BrandForm(_data(request))
    return render(request, "portal/partials/branding_colours.html", _context(request, form))


@require_POST
@guarded(permission="portal.branding")
def publish(request: HttpRequest) -> HttpResponse:
    """Publish the choices as a new version; an unreadable colour is refused with a proposal."""
    form = BrandForm(_data(request), request.FILES)
    if not form.is_valid():
        return render(request, "portal/pages/branding.html", _context(request, form), status=422)
    try:
        verdict = tokens.guard(form.cleaned_data["primary"])
        if not verdict.accepted:
            raise branding.ContrastRefused(verdict)
        version = branding.publish(
            request.tenant, form.inputs(), author=_author(request), logo=_uploaded_logo(form)
        )
    except logos.LogoRefused as refused:
        form.add_error("logo", str(refused))
        return render(request, "portal/pages/branding.html", _context(request, form), status=422)
    except branding.ContrastRefused:
        form.add_error("primary", gettext("This colour is too light: accept the darker one below."))
        return render(request, "portal/pages/branding.html", _context(request, form), status=422)
    audit.record("branding.published", target=str(version.number), data={"version": version.number})
    messages.success(
        request, gettext("Version %(number)s is published.") % {"number": version.number}
    )
    return redirect("portal:branding")


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
    inputs = branding.inputs_of(draft or branding.published(request.tenant))
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
        request.tenant, branding.inputs_of(draft), logo_path=draft.mail_logo_file if draft else ""
    )
    response = HttpResponse(html)
    response["Content-Security-Policy"] = MAIL_POLICY
    response["Cache-Control"] = "no-store"
    return response
