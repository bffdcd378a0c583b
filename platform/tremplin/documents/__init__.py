"""Documents made by the product: PDF through Typst, with the brand of the space."""

from __future__ import annotations

from tremplin.documents.rendering import DocumentRefused, pdf, png

__all__ = ["DocumentRefused", "pdf", "png"]
