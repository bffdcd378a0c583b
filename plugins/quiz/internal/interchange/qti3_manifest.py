"""What a QTI 3.0 package says of itself: the manifest with its metadata, and the test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .model import Question
from .moodle_write import xml_text

NAMESPACE: Final = "http://www.imsglobal.org/xsd/imsqtiasi_v3p0"
_LEVELS: Final = ("very easy", "easy", "medium", "difficult", "very difficult")


def _lom(question: Question) -> str:
    def strings(tag: str, values: Sequence[str]) -> str:
        return "".join(f"<{tag}><string>{xml_text(value)}</string></{tag}>" for value in values)

    def purpose(name: str, inner: str) -> str:
        source = "<source>LOMv1.0</source>"
        return f"<classification><purpose>{source}<value>{name}</value></purpose>{inner}</classification>"

    general = f"<general>{strings('keyword', question.tags)}</general>" if question.tags else ""
    level = ""
    if question.difficulty:
        value = _LEVELS[question.difficulty - 1]
        level = (
            "<educational><difficulty><source>LOMv1.0</source>"
            f"<value>{value}</value></difficulty></educational>"
        )
    parts = purpose("competency", strings("keyword", question.skills)) if question.skills else ""
    if question.category:
        taxon = f"<taxon>{strings('entry', [question.category])}</taxon>"
        parts += purpose("discipline", f"<taxonPath>{taxon}</taxonPath>")
    inner = general + level + parts
    if not inner:
        return ""
    return f'<metadata><lom xmlns="http://ltsc.ieee.org/xsd/LOM">{inner}</lom></metadata>'


def manifest(questions: Sequence[Question], images: Sequence[Sequence[str]]) -> bytes:
    resources = []
    for n, question in enumerate(questions, 1):
        href = f"items/item-{n:05}.xml"
        files = "".join(f'<file href="{name}"/>' for name in [href, *images[n - 1]])
        resources.append(
            f'<resource identifier="item-{n:05}" type="imsqti_item_xmlv3p0" href="{href}">'
            f"{_lom(question)}{files}</resource>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<manifest xmlns="http://www.imsglobal.org/xsd/qti/qtiv3p0/imscp_v1p1" identifier="manifest">\n'
        "<metadata><schema>QTI Package</schema><schemaversion>3.0.0</schemaversion></metadata>\n"
        "<organizations/>\n<resources>\n"
        '<resource identifier="test" type="imsqti_test_xmlv3p0" href="test.xml"><file href="test.xml"/>'
        + "".join(
            f'<dependency identifierref="item-{n:05}"/>' for n in range(1, len(questions) + 1)
        )
        + "</resource>\n"
        + "\n".join(resources)
        + "\n</resources>\n</manifest>\n"
    ).encode()


def test_of(count: int) -> bytes:
    references = "".join(
        f'<qti-assessment-item-ref identifier="item-{n:05}" href="items/item-{n:05}.xml"/>\n'
        for n in range(1, count + 1)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<qti-assessment-test xmlns="{NAMESPACE}" identifier="test" title="Questions">\n'
        '<qti-test-part identifier="part" navigation-mode="nonlinear" submission-mode="individual">\n'
        '<qti-assessment-section identifier="section" title="Questions" visible="true">\n'
        f"{references}</qti-assessment-section></qti-test-part></qti-assessment-test>\n"
    ).encode()
