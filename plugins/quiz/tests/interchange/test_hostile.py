"""Hostile and damaged files: always a result, never an exception; the worker and its limits."""

from __future__ import annotations

import importlib.util
import io
import json
import random
import string
import subprocess
import sys
import time
import zipfile
from decimal import Decimal as D
from pathlib import Path

import pytest
from openpyxl import Workbook

from plugins.quiz.internal import interchange
from plugins.quiz.internal.interchange import (
    FORMATS,
    Kind,
    Question,
    Severity,
    canonical,
    read,
    write,
)
from plugins.quiz.internal.interchange.messages import MESSAGES
from plugins.quiz.internal.interchange.model import Choice, ChoiceBody, NumericAnswer, NumericBody
from plugins.quiz.internal.interchange.wire import result_from_dict

FOLDER = Path(interchange.__file__).parent
WORKER = FOLDER / "parse_worker.py"
TEXT = [
    Question(Kind.SINGLE, f"Q{n}", ChoiceBody((Choice("a", D(100)), Choice("b")))) for n in range(4)
]
SEEDS = [*TEXT, Question(Kind.NUMERIC, "N", NumericBody((NumericAnswer(D(5), D(1)),)))]


def seeds() -> list[tuple[str, bytes]]:
    questions = [canonical(question)[0] for question in SEEDS]
    found = [
        (write(f, questions).filename, write(f, questions).data) for f in interchange.EXPORT_FORMATS
    ]
    return [*found, ("bank.txt", b"Q?\nA) x\nB) y\nANSWER: A\n")]


def mutated(data: bytes, chance: random.Random) -> bytes:
    result = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        place = chance.randrange(len(result) or 1)
        action = chance.randrange(4)
        if action == 0 and result:
            result[place % len(result)] = chance.randrange(256)
        elif action == 1:
            del result[place : place + chance.randint(1, 30)]
        elif action == 2:
            result[place:place] = chance.choice(
                string.printable * 2 + '{}=~#<>&"\\'
            ).encode() * chance.randint(1, 5)
        else:
            piece = result[place : place + chance.randint(1, 60)]
            result[place:place] = piece
    return bytes(result)


@pytest.mark.parametrize("seed", range(5))
def test_mutated_files_give_a_result(seed: int) -> None:
    name, data = seeds()[seed]
    chance = random.Random(seed)
    for _ in range(150):
        result = read(mutated(data, chance), name, chance.choice([None, *FORMATS]))
        assert "reader_failed" not in {issue.code for issue in result.issues}
        assert result.present == len(result.questions) + result.rejected
        assert result.questions or result.issues
        for issue in result.issues:
            assert issue.text == MESSAGES[issue.code].text % issue.params


def repacked(data: bytes, chance: random.Random) -> bytes:
    """A package in which the content of one file is damaged, so that the zip itself is sound."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(buffer, "w") as target:
        victim = chance.choice(source.namelist())
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, mutated(content, chance) if name == victim else content)
    return buffer.getvalue()


def workbook() -> bytes:
    book = Workbook()
    book.active.append(["question", "answer 1", "answer 2", "correct"])
    book.active.append(["2+2?", 3, 4, 2])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["qti3", "xlsx"])
def test_damaged_files_inside_sound_packages_give_a_result(kind: str) -> None:
    questions = [canonical(question)[0] for question in SEEDS]
    data = write("qti3", questions).data if kind == "qti3" else workbook()
    assert len(read(data, "x").questions) == (5 if kind == "qti3" else 1)
    chance = random.Random(3)
    for _ in range(120):
        result = read(repacked(data, chance), "x")
        assert "reader_failed" not in {issue.code for issue in result.issues}
        assert result.questions or result.issues


def test_random_bytes_give_a_result() -> None:
    chance = random.Random(7)
    for _ in range(200):
        data = chance.randbytes(chance.randint(1, 400))
        result = read(
            data,
            "x" + chance.choice([".gift", ".csv", ".xml", ".zip", ""]),
            chance.choice([None, *FORMATS]),
        )
        assert "reader_failed" not in {issue.code for issue in result.issues}


@pytest.mark.parametrize(
    "data",
    [b"{" * 200_000, b"[html]" + b"<b>" * 60_000 + b"{T}", b"a{=" + b"~" * 100_000 + b"}", b"<!--" * 50_000,
     b"a{" + b"<a =" * 40_000 + b"}", b"::" * 100_000, b"\\" * 200_000 + b"{T}", b"a{####" * 30_000,
     b"<quiz>" + b"<question " * 20_000, b"// " + b"[id:" * 50_000 + b"\na{T}", b"question,answer 1\n" + b'"' * 99_999],
)  # fmt: skip
def test_pathological_files_are_quick(data: bytes) -> None:
    start = time.process_time()
    result = read(data, "x.gift" if not data.startswith((b"<quiz", b"question")) else "x")
    assert time.process_time() - start < 8
    assert "reader_failed" not in {issue.code for issue in result.issues}


def test_size_and_count_limits() -> None:
    assert [i.code for i in read(b"a" * (20 * 1024 * 1024 + 1), "x.gift").issues] == [
        "file_too_large"
    ]
    result = read(b"\n\n".join(b"q%d{T}" % n for n in range(5_003)), "x.gift")
    assert (len(result.questions), result.rejected) == (5_000, 3)
    assert {i.code for i in result.issues} == {"too_many_questions"}
    assert [i.code for i in read(b" \n", "x.gift").issues] == ["file_empty"]
    assert [i.code for i in read(b"just words", "x.pdf").issues] == ["unknown_format"]


def work(data: bytes, name: str) -> tuple[int, dict]:
    header = json.dumps({"name": name}).encode() + b"\n"
    done = subprocess.run(
        [sys.executable, "-I", str(WORKER)],
        input=header + data,
        capture_output=True,
        timeout=60,
        cwd="/",
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else {}


def test_worker_gives_what_read_gives() -> None:
    for name, data in seeds():
        code, answer = work(data, name)
        assert code == 0
        assert result_from_dict(answer) == read(data, name)


def test_worker_survives_a_bomb_and_a_defect() -> None:
    code, answer = work(b"<!DOCTYPE q [<!ENTITY a 'b'>]><quiz/>", "x.xml")
    assert (code, [i["code"] for i in answer["issues"]]) == (0, ["xml_refused"])
    code, answer = work(b"", "x.xml")
    assert (code, [i["code"] for i in answer["issues"]]) == (0, ["file_empty"])


def test_worker_sets_its_limits() -> None:
    script = (
        "import importlib.util, resource as r, json\n"
        f"s = importlib.util.spec_from_file_location('w', {str(WORKER)!r}); m = importlib.util.module_from_spec(s)\n"
        "s.loader.exec_module(m); m.limit()\n"
        "print(json.dumps([r.getrlimit(x)[0] for x in (r.RLIMIT_AS, r.RLIMIT_CPU, r.RLIMIT_FSIZE, r.RLIMIT_NOFILE)]))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, check=True)
    assert json.loads(done.stdout) == [768 << 20, 10, 0, 64]


def test_no_web_framework_is_imported() -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(FOLDER.parents[3])!r})\n"
        "import plugins.quiz.internal.interchange.reading\n"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in {'django', 'openpyxl'}))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, check=True, text=True
    )
    assert done.stdout == "[]\n"


def test_every_message_is_used_and_every_code_exists() -> None:
    source = "".join(p.read_text() for p in FOLDER.glob("*.py") if p.name != "messages.py")
    assert [code for code in MESSAGES if f'"{code}"' not in source] == []
    assert {message.advice != "" for message in MESSAGES.values()} == {True}
    assert Severity("error") is Severity.ERROR
    assert importlib.util.find_spec("nh3") is not None


def test_a_flood_of_bad_questions_ends_with_one_error() -> None:
    result = read(b"a{=\n\n" * 50_000, "x.gift")
    assert (result.rejected, result.issues[-1].code, result.issues[-1].severity) == (
        10_000,
        "too_many_issues",
        Severity.ERROR,
    )
