"""Question interchange: reads and writes question files; pure Python, independent of the web framework.

``read(data, name, fmt)`` gives an ``ImportResult``, ``write(fmt, questions)`` an ``ExportResult``;
``canonical(question)`` cleans a question made elsewhere so that it can be written. Hostile files belong into
``parse_worker``, run as a limited subprocess; its answer is read with ``wire.result_from_dict``.
"""

from .canonical import canonical
from .detect import FORMATS
from .model import ExportResult, ImportResult, Issue, Kind, Question, Severity
from .reading import read
from .writing import EXPORT_FORMATS, write

__all__ = [
    "EXPORT_FORMATS",
    "FORMATS",
    "ExportResult",
    "ImportResult",
    "Issue",
    "Kind",
    "Question",
    "Severity",
    "canonical",
    "read",
    "write",
]
