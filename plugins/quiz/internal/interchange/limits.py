"""Bounds on hostile input. Every reader refuses what exceeds them with an issue, never a crash."""

from __future__ import annotations

from typing import Final

MAX_INPUT_BYTES: Final = 20 * 1024 * 1024
MAX_QUESTIONS: Final = 5_000
MAX_ISSUES: Final = 10_000
MAX_REJECTED: Final = 10_000
MAX_ARCHIVE_ENTRIES: Final = 12_000
MAX_ARCHIVE_BYTES: Final = 100 * 1024 * 1024
MAX_ENTRY_BYTES: Final = 25 * 1024 * 1024
MAX_COMPRESSION_RATIO: Final = 200
# A highly regular small text can compress well beyond the ratio without any danger.
RATIO_APPLIES_FROM_BYTES: Final = 1024 * 1024
MAX_XML_DEPTH: Final = 150
MAX_XML_NODES: Final = 400_000
MAX_XML_ATTRIBUTES: Final = 200
MAX_HTML_CHARS: Final = 200_000
MAX_CHOICES: Final = 200
MAX_HINTS: Final = 50
MAX_TAGS: Final = 100
MAX_SHORT_TEXT: Final = 1_000
MAX_TITLE: Final = 250
MAX_IMAGE_BYTES: Final = 5 * 1024 * 1024
MAX_MEDIA_TOTAL_BYTES: Final = 40 * 1024 * 1024
MAX_COLUMNS: Final = 200
MAX_NUMBER_DIGITS: Final = 40
MAX_NUMBER_EXPONENT: Final = 100
