"""What identity refuses, with a stable code and a sentence for the person."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _


class IdentityError(Exception):
    """A refused change. ``code`` is stable; ``message`` is translated and says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = str(message)

    @property
    def html(self) -> str:
        """Return the sentence for a page, escaped, with a link where one helps."""
        return self.message


class NoPlace(IdentityError):
    """The space's plan takes nobody more; ``total`` places, of which ``used`` are taken.

    ``code`` is ``seats_full`` or ``plan_suspended``. Whoever may change the plan follows
    ``upgrade_url``.
    """

    def __init__(
        self, code: str, message: str, *, used: int = 0, total: int = 0, upgrade_url: str = ""
    ) -> None:
        super().__init__(code, message)
        self.used = used
        self.total = total
        self.upgrade_url = upgrade_url

    @property
    def html(self) -> SafeString:
        """Return the sentence followed by the way to a larger plan."""
        if not self.upgrade_url:
            return format_html("{}", self.message)
        return format_html(
            '{} <a class="link" href="{}" data-testid="seats-upgrade">{}</a>',
            self.message,
            self.upgrade_url,
            _("See the plans"),
        )
