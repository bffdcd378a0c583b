"""QTI 2 and 3 packages: manifest, items in their order, shared stimuli, metadata of the items."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from .archive import Package
from .collect import Collector, Refused
from .encoding import decode
from .markup import plain
from .qti_item import Item
from .xmltree import Node, parse, to_html

_DIFFICULTY: Final = {"very easy": 1, "easy": 2, "medium": 3, "difficult": 4, "very difficult": 5}
_ITEM_RESOURCE: Final = re.compile(r"^imsqti_(?:item_xml|apipitem_xml)", re.IGNORECASE)
_ITEM_HEAD: Final = re.compile(rb"<(?:[\w.-]+:)?(?:assessmentItem|qti-assessment-item)[\s>]")


@dataclass(slots=True)
class Metadata:
    """What the manifest says about an item."""

    tags: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    category: str = ""
    difficulty: int | None = None


@dataclass(slots=True)
class Manifest:
    """The files a manifest names as items (or as questions of QTI 1.2), in order, with their metadata."""

    files: dict[str, Metadata] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


Canonical = Callable[[Node], Node]


def _strings(node: Node, *path: str) -> list[str]:
    nodes = [node]
    for name in path:
        nodes = [child for parent in nodes for child in parent.elements(name)]
    return [plain(found.text()) for found in nodes]


def _metadata(resource: Node) -> Metadata:
    found = Metadata()
    lom = resource.find("lom")
    if lom is None:
        return found
    found.tags = tuple(filter(None, _strings(lom, "general", "keyword")))
    level = next(iter(_strings(lom, "educational", "difficulty", "value")), "").lower()
    found.difficulty = _DIFFICULTY.get(level)
    for part in lom.elements("classification"):
        purpose = next(iter(_strings(part, "purpose", "value")), "").lower()
        if purpose in {"competency", "skill level"}:
            found.skills += tuple(filter(None, _strings(part, "keyword")))
        elif purpose == "discipline":
            found.category = "/".join(filter(None, _strings(part, "taxonPath", "taxon", "entry")))
    return found


def read_manifest(package: Package, kinds: re.Pattern[str], out: Collector) -> Manifest:
    """The question files of the package; without a usable manifest, none (the caller searches)."""
    manifest = Manifest()
    name = package.locate("imsmanifest.xml")
    if name is None:
        return manifest
    try:
        root = parse(decode(package.read(name) or b"").text, allow_doctype=True)
    except Refused as refused:
        out.warn("manifest_broken", item=name, line=refused.line, reason=refused.code)
        return manifest
    for resource in root.walk("resource"):
        if not kinds.search(resource.get("type")):
            continue
        first = resource.first("file")
        href = resource.get("href") or (first.get("href") if first else "")
        path = package.locate(href, name) if href else None
        if path:
            manifest.files.setdefault(path, _metadata(resource))
        elif href:
            manifest.missing.append(href)
    return manifest


def read_package(package: Package, out: Collector, canonical: Canonical) -> None:
    """Read every item of a package: first those of the manifest, then any other item file."""
    manifest = read_manifest(package, _ITEM_RESOURCE, out)
    others = [
        name
        for name in package.names()
        if name not in manifest.files
        and name.lower().endswith((".xml", ".qti"))
        and _ITEM_HEAD.search((package.read(name) or b"")[:20_000])
    ]
    for href in manifest.missing:
        out.reject("file_missing", item=href, file=href)
    for name in [*manifest.files, *others]:
        out.item = name
        try:
            root = parse(decode(package.read(name) or b"").text)
        except Refused as refused:
            out.reject_refused(refused, line=refused.line)
            continue
        metadata = manifest.files.get(name, Metadata())
        read_item(canonical(root), out, metadata, package, name, canonical)
    out.item = ""


def read_item(
    root: Node,
    out: Collector,
    metadata: Metadata,
    package: Package | None,
    name: str,
    canonical: Canonical,
) -> None:
    """Read one item in canonical names into ``out``."""
    title = plain(root.get("title"))

    def resolve(src: str) -> bytes | None:
        path = package.locate(src, name) if package else None
        return package.read(path) if package and path else None

    try:
        if root.name != "assessmentItem":
            raise Refused("unsupported_type", type=root.name)
        stimulus = _stimulus(root, package, name, canonical)
        question = Item(root, out, stimulus).question()
    except Refused as refused:
        out.reject_refused(refused, line=root.line, title=title)
        return
    question = replace(
        question,
        tags=metadata.tags,
        skills=metadata.skills,
        category=metadata.category,
        difficulty=metadata.difficulty,
    )
    out.add(question, line=root.line, resolve=resolve)


def _stimulus(root: Node, package: Package | None, name: str, canonical: Canonical) -> str:
    texts = []
    for reference in root.elements("assessmentStimulusRef"):
        href = reference.get("href")
        path = package.locate(href, name) if package and href else None
        if package is None or path is None:
            raise Refused("file_missing", file=href)
        body = canonical(parse(decode(package.read(path) or b"").text)).first("stimulusBody")
        texts.append(to_html(body.children).strip() if body else "")
    return "".join(f"<div>{text}</div>" for text in texts if text)


def read_text(text: str, out: Collector, canonical: Canonical) -> None:
    """Read a bare item file into ``out``."""
    root = canonical(parse(text))
    if root.name == "assessmentTest":
        raise Refused("zip_no_questions")
    read_item(root, out, Metadata(), None, "", canonical)
