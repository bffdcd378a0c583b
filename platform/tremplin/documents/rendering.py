"""Typst in process: a template file and JSON data in, a tagged PDF or a picture out.

Data never becomes Typst source: the template reads it as JSON, so a name full of markup is text.
Nothing is fetched: fonts are the committed ones, packages are off.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any

import typst

from tremplin.documents.lettering import FONTS, printable_data

logger = logging.getLogger(__name__)

TEMPLATES = Path(__file__).parent / "templates"
STANDARDS = ("a-3a", "ua-1")
REGIONS = {"fr": "FR", "en": "GB"}


class DocumentRefused(ValueError):  # noqa: N818  reads as the answer it carries
    """The template or the data cannot become a document; the message is Typst's."""


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(FONTS)]
    )


@cache
def _source(template: str) -> bytes:
    if not template.replace("_", "").isalnum():
        raise DocumentRefused(f"{template!r} is not the name of a template")
    path = TEMPLATES / f"{template}.typ"
    if not path.is_file():
        raise DocumentRefused(f"there is no template {template!r}")
    return path.read_bytes()


def _inputs(data: Mapping[str, Any], locale: str) -> dict[str, str]:
    language = locale.split("-")[0].lower()
    body = {**printable_data(dict(data)), "lang": language, "region": REGIONS.get(language, "")}
    return {"data": json.dumps(body, ensure_ascii=False, sort_keys=True)}


def _compile(
    template: str,
    data: Mapping[str, Any],
    locale: str,
    files: Mapping[str, bytes] | None,
    **options: Any,
) -> Any:
    for name in files or {}:
        if not name.replace(".", "").replace("-", "").isalnum():
            raise DocumentRefused(f"{name!r} is not the name of a picture")
    try:
        return typst.compile(
            {"main.typ": _source(template), **dict(files or {})},
            font_paths=_fonts(),
            sys_inputs=_inputs(data, locale),
            **options,
        )
    except typst.TypstError as error:
        raise DocumentRefused(str(error)) from error


def pdf(
    template: str,
    data: Mapping[str, Any],
    *,
    standards: Sequence[str] = STANDARDS,
    locale: str = "fr",
    dated: date | None = None,
    files: Mapping[str, bytes] | None = None,
) -> bytes:
    """Return the PDF of ``template`` (a file of ``templates/`` without its ending).

    ``standards`` are Typst's names (PDF/A-3a for archiving, PDF/UA-1 for screen readers). The same
    data and ``dated`` (the date in the metadata, 2000-01-01 by default) give the same bytes.
    ``files`` are pictures (PNG, SVG) that the template opens by name. Raises ``DocumentRefused``.
    """
    moment = datetime.combine(dated or date(2000, 1, 1), time(), UTC)
    made: bytes = _compile(
        template,
        data,
        locale,
        files,
        format="pdf",
        pdf_standards=list(standards),
        timestamp=int(moment.timestamp()),
    )
    return made


def png(
    template: str,
    data: Mapping[str, Any],
    *,
    locale: str = "fr",
    ppi: float = 110.0,
    files: Mapping[str, bytes] | None = None,
) -> list[bytes]:
    """Return the pages of ``template`` as pictures of ``ppi`` dots per inch, for previews."""
    made = _compile(template, data, locale, files, format="png", ppi=ppi)
    return [made] if isinstance(made, bytes) else list(made)
