"""Turn an uploaded logo into safe files stored with the space."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils.translation import gettext

from tremplin.kernel.limited_process import LimitedProcessError, run

WORKER = Path(__file__).with_name("logo_worker.py")
MAX_UPLOAD_BYTES = 5 * 1024 * 1024
FOLDER = "branding"


class LogoRefused(ValueError):  # noqa: N818  reads as the answer it carries
    """The upload is not a usable logo; the message says what to do."""


@dataclass(frozen=True, slots=True)
class LogoFiles:
    """Paths of the logo's files, relative to the storage of the space."""

    logo: str
    mail_logo: str
    icon: str


def _message(code: str) -> str:
    return {
        "svg_too_large": gettext("This SVG is larger than 512 KB. Simplify it or send a PNG."),
        "svg_entities": gettext(
            "This SVG declares entities. Export it again as plain SVG, or send a PNG."
        ),
        "svg_unreadable": gettext("This SVG cannot be read. Export it again, or send a PNG."),
        "svg_no_viewbox": gettext("This SVG has no viewBox. Export it again, or send a PNG."),
        "svg_too_complex": gettext("This SVG is too complex. Simplify it or send a PNG."),
        "svg_foreign": gettext(
            "This SVG holds more than shapes and text. Export it as plain SVG, or send a PNG."
        ),
        "svg_script": gettext("This SVG holds a script. Send a PNG instead."),
        "svg_external": gettext(
            "This SVG points to another file. Export it with everything inside, or send a PNG."
        ),
        "image_too_large": gettext(
            "This picture has too many pixels. Send one of at most 4,000 by 4,000."
        ),
        "image_too_small": gettext(
            "This picture is too small. Send one of at least 16 by 16 pixels."
        ),
    }.get(
        code, gettext("This file is not a picture we can read. Send a PNG, JPEG, WebP or SVG file.")
    )


def process(data: bytes) -> dict[str, bytes]:
    """Return the safe files of an upload by role (``svg``, or ``logo``, ``mail_logo``, ``icon``).

    Raises ``LogoRefused`` with a message for the person.
    """
    if len(data) > MAX_UPLOAD_BYTES:
        raise LogoRefused(gettext("This file is larger than 5 MB. Send a smaller one."))
    try:
        answer = json.loads(run(WORKER, data, timeout=15, memory_mb=768, cpu_seconds=10))
    except (LimitedProcessError, ValueError) as error:
        raise LogoRefused(_message("")) from error
    if "error" in answer:
        raise LogoRefused(_message(answer["error"]))
    return {name: base64.b64decode(content) for name, content in answer["files"].items()}


def _store(content: bytes, suffix: str) -> str:
    path = f"{FOLDER}/{hashlib.sha256(content).hexdigest()[:12]}-{suffix}"
    if not default_storage.exists(path):
        default_storage.save(path, ContentFile(content))
    return path


def store(data: bytes) -> LogoFiles:
    """Process and store an upload for the current space. Raises ``LogoRefused``."""
    files = process(data)
    if "svg" in files:
        return LogoFiles(_store(files["svg"], "logo.svg"), "", "")
    return LogoFiles(
        _store(files["logo"], "logo.png"),
        _store(files["mail_logo"], "mail.png"),
        _store(files["icon"], "icon.png"),
    )
