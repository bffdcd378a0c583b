"""QTI 3.0: hyphenated names, turned into those of QTI 2 for the common item reader."""

from __future__ import annotations

import re

from . import qti_package
from .archive import Package
from .collect import Collector
from .xmltree import Node


def _camel(name: str) -> str:
    return re.sub(r"-([a-z0-9])", lambda match: match.group(1).upper(), name)


def canonical(root: Node) -> Node:
    """Rename ``qti-*`` elements and their attributes; ``data-*`` attributes and HTML stay."""
    for node in root.walk():
        if node.name.startswith("qti-"):
            node.name = _camel(node.name[4:])
            node.attributes = {
                key if key.startswith("data-") else _camel(key): value
                for key, value in node.attributes.items()
            }
    return root


def read_text(text: str, out: Collector) -> None:
    """Read a bare ``qti-assessment-item`` into ``out``."""
    qti_package.read_text(text, out, canonical)


def read_package(package: Package, out: Collector) -> None:
    """Read a package into ``out``."""
    qti_package.read_package(package, out, canonical)
