"""QTI 2.0, 2.1 and 2.2: the namespaces and their variants differ, the element names do not."""

from __future__ import annotations

from . import qti_package
from .archive import Package
from .collect import Collector
from .xmltree import Node


def _canonical(root: Node) -> Node:
    return root


def read_text(text: str, out: Collector) -> None:
    """Read a bare ``assessmentItem`` into ``out``."""
    qti_package.read_text(text, out, _canonical)


def read_package(package: Package, out: Collector) -> None:
    """Read a package into ``out``."""
    qti_package.read_package(package, out, _canonical)
