"""Reads one question file in a process of its own with hard limits, for files from anybody.

Run by path as ``python -I parse_worker.py``. Standard input: one line of JSON, ``{"name": "bank.xml",
"format": null}``, then the bytes of the file. Standard output: one JSON object, the result of
``wire.result_to_dict``. The exit code is 0 whenever an answer was written, whatever the file is like.
The web framework is never imported.
"""

import resource
import sys

MEMORY_BYTES = 768 << 20
CPU_SECONDS = 10
OPEN_FILES = 64


def limit() -> None:
    """Set the limits before anything heavy is imported; a stricter limit of the caller stays."""
    for what, value in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
    ):
        hard = resource.getrlimit(what)[1]
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(what, (value, value))


def main() -> int:
    """Read standard input, write standard output."""
    limit()
    import json
    from pathlib import Path

    # ``-I`` hides the source tree; no other way in would survive an arbitrary working directory.
    sys.path.insert(0, str(Path(__file__).resolve().parents[4]))
    from plugins.quiz.internal.interchange import limits
    from plugins.quiz.internal.interchange.collect import make_issue
    from plugins.quiz.internal.interchange.model import ImportResult, Severity
    from plugins.quiz.internal.interchange.reading import read
    from plugins.quiz.internal.interchange.wire import result_to_dict

    header = json.loads(sys.stdin.buffer.readline(65_536) or b"{}")
    data = sys.stdin.buffer.read(limits.MAX_INPUT_BYTES + 1)
    try:
        answer = json.dumps(
            result_to_dict(read(data, header.get("name", ""), header.get("format")))
        )
    except MemoryError:
        issue = make_issue(Severity.ERROR, "reader_failed")
        answer = json.dumps(result_to_dict(ImportResult((), (issue,))))
    sys.stdout.write(answer)
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
