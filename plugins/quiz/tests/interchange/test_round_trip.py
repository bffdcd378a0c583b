"""Export, then import, gives the same questions: every field, for GIFT, Moodle XML and QTI 3.0."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugins.quiz.internal.interchange import canonical, read, write
from plugins.quiz.internal.interchange.wire import result_from_dict, result_to_dict

_spec = importlib.util.spec_from_file_location(
    "quiz_interchange_strategies", Path(__file__).with_name("strategies.py")
)
assert _spec is not None
assert _spec.loader is not None
strategies = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(strategies)

CALM = settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
    ],
)


@pytest.mark.parametrize("fmt", ["gift", "moodle_xml", "qti3"])
def test_identity(fmt: str, examples: int) -> None:
    @settings(CALM, max_examples=examples)
    @given(st.lists(strategies.questions(), min_size=1, max_size=2))
    def check(questions: list) -> None:
        export = write(fmt, questions)
        result = read(export.data, export.filename)
        assert result.questions == tuple(questions)
        assert result.format == fmt
        assert result.rejected == 0
        assert result.encoding in {"utf-8", ""}

    check()


def test_canonical_twice_is_canonical_once(examples: int) -> None:
    @settings(CALM, max_examples=examples)
    @given(strategies.questions())
    def check(question) -> None:  # type: ignore[no-untyped-def]
        assert canonical(question)[0] == question

    check()


def test_wire_is_exact(examples: int) -> None:
    @settings(CALM, max_examples=examples)
    @given(st.lists(strategies.questions(), min_size=1, max_size=2))
    def check(questions: list) -> None:
        result = read(write("gift", questions).data, "x.gift")
        assert result_from_dict(json.loads(json.dumps(result_to_dict(result)))) == result

    check()
