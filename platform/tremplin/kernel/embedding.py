"""Which other sites may show the pages of a space in a frame (an LMS, an intranet)."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from tremplin.kernel import settings_store
from tremplin.kernel.current import CurrentTenant
from tremplin.kernel.versioned import EpochCache

MODULE = "kernel.embedding"
LARGEST = 20
TEST_PERIOD = timedelta(days=7)


def origin(text: str) -> str:
    """Return ``text`` as a source of ``frame-ancestors``: ``https://host`` or ``https://*.host``.

    Raises ``ValueError`` for anything else: another scheme, a path, a password, a wildcard that
    names no organisation (``https://*.com``), or characters that would end the directive.
    """
    value = text.strip().lower().rstrip("/")
    scheme, separator, rest = value.partition("://")
    host, colon, port = rest.partition(":")
    labels = host.removeprefix("*.").split(".")
    if scheme != "https" or not separator or len(host) > 253:
        raise ValueError("an address such as https://lms.school.example")
    if len(labels) < 2 or (host.startswith("*.") and len(labels) < 2 + (len(labels[-1]) <= 2)):
        raise ValueError("a complete host name")
    for label in labels:
        if not label or len(label) > 63 or label.startswith("-") or label.endswith("-"):
            raise ValueError("a host name")
        if not all(letter.isascii() and (letter.isalnum() or letter == "-") for letter in label):
            raise ValueError("a host name")
    if labels[-1].isdigit():
        raise ValueError("a name, not an address of the network")
    if colon and not (port.isascii() and port.isdecimal() and 0 < int(port) <= 65535):
        raise ValueError("a port between 1 and 65535")
    return f"https://{host}{f':{port}' if colon and port != '443' else ''}"


Origin = Annotated[str, AfterValidator(origin)]


class EmbeddingSettings(BaseModel):
    """Who may frame the space; ``testing_until``: the former list still acts beside the new one."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    tremplin_module: ClassVar[str] = MODULE

    frame_ancestors: tuple[Origin, ...] = Field((), max_length=LARGEST)
    former_ancestors: tuple[Origin, ...] = Field((), max_length=LARGEST)
    testing_until: AwareDatetime | None = None


_settings: EpochCache[EmbeddingSettings] = settings_store.cache_of_settings()


def current(tenant: CurrentTenant) -> EmbeddingSettings:
    """Return what the space decided; no query once this process has read it."""
    return _settings.get(
        tenant.pk, lambda: settings_store.effective(EmbeddingSettings, tenant, MODULE)
    )
