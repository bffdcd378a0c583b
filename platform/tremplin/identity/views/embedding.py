"""Which sites may show pages of the space in a frame, with a week of test after a change."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tremplin.kernel import audit, clock, embedding, settings_store
from tremplin.kernel.access import guarded
from tremplin.kernel.embedding import EmbeddingSettings


def _read(text: str) -> tuple[list[str], list[str]]:
    """Return the sites of a text, one per line, and what cannot be one."""
    good: list[str] = []
    bad: list[str] = []
    for word in text.replace("\x00", "").replace(",", " ").split():
        try:
            site = embedding.origin(word)
        except ValueError:
            bad.append(word[:80])
        else:
            if site not in good:
                good.append(site)
    return good, bad


@guarded("identity.manage_security")
@require_http_methods(["GET", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """Show and change the sites; POST ``action=end`` ends the test before its time."""
    tenant = request.tenant  # type: ignore[attr-defined]
    now = clock.now()
    stored = settings_store.effective(EmbeddingSettings, tenant, embedding.MODULE)
    testing = stored.testing_until is not None and now < stored.testing_until
    text, problems = "\n".join(stored.frame_ancestors), []
    if request.method == "POST":
        if request.POST.get("action") == "end":
            _write(tenant, stored.frame_ancestors, None, ())
            messages.success(request, _("The new list acts alone from now on."))
            return redirect("people:embedding")
        text = request.POST.get("sites", "")[:5000].replace("\x00", "")
        sites, bad = _read(text)
        problems = [
            _("“%(site)s” is not a site: give an address such as https://lms.school.example.")
            % {"site": word}
            for word in bad[:5]
        ]
        if len(sites) > embedding.LARGEST:
            problems.append(_("Give at most %(limit)s sites.") % {"limit": embedding.LARGEST})
        if not problems:
            former = stored.former_ancestors if testing else stored.frame_ancestors
            is_test = request.POST.get("test") == "on" and tuple(sites) != tuple(former)
            until = now + embedding.TEST_PERIOD if is_test else None
            try:
                _write(tenant, tuple(sites), until, former if is_test else ())
            except settings_store.LockedSetting:
                problems.append(_("Your provider keeps this setting: ask them for a change."))
            else:
                messages.success(request, _("The sites are saved."))
                return redirect("people:embedding")
    context = {
        "page_title": _("Embedding"),
        "text": text,
        "problems": problems,
        "sites": stored.frame_ancestors,
        "former": [s for s in stored.former_ancestors if s not in stored.frame_ancestors],
        "testing": testing,
        "testing_until": stored.testing_until,
        "hsts_days": settings.SECURE_HSTS_SECONDS // 86400,
    }
    return render(
        request, "identity/security/embedding.html", context, status=422 if problems else 200
    )


def _write(tenant: object, sites: tuple[str, ...], until: object, former: tuple[str, ...]) -> None:
    with transaction.atomic():
        settings_store.write(
            "tenant",
            tenant,
            embedding.MODULE,
            {
                "frame_ancestors": sites,
                "testing_until": until,
                "former_ancestors": former or None,
            },
            model=EmbeddingSettings,
        )
        audit.record(
            "security.framing_changed", data={"sites": list(sites), "test": until is not None}
        )
