"""The worker that reads lists, without Django: encodings, separators, headers, limits."""

from __future__ import annotations

import pytest

from tremplin.identity.importing import worker

NAMES = "E-mail;Prénom;Nom\nlea@x.fr;Léa;Lefèvre\nchloe@x.fr;Chloé;Brûlé à l’œuvre\n"


def cells(data: bytes) -> list[dict[str, str]]:
    return [row["cells"] for row in worker.read(data)["rows"]]


EXPECTED = [
    {"email": "lea@x.fr", "first_name": "Léa", "last_name": "Lefèvre"},
    {"email": "chloe@x.fr", "first_name": "Chloé", "last_name": "Brûlé à l’œuvre"},
]


@pytest.mark.parametrize(
    ("data", "encoding", "repaired"),
    [
        (NAMES.encode(), "utf-8", 0),
        (NAMES.encode("utf-8-sig"), "utf-8-bom", 0),
        (NAMES.encode("cp1252"), "windows-1252", 2),
        (NAMES.encode("utf-16"), "utf-16", 2),
        (worker.from_windows_bytes(NAMES.encode()).encode(), "utf-8", 2),
        (
            worker.from_windows_bytes(worker.from_windows_bytes(NAMES.encode()).encode()).encode(),
            "utf-8",
            2,
        ),
        (worker.from_windows_bytes(NAMES.encode()).encode("utf-8-sig"), "utf-8-bom", 2),
    ],
    ids=["utf-8", "bom", "cp1252", "utf-16", "read-as-cp1252", "twice", "read-as-cp1252-bom"],
)
def test_every_encoding_gives_the_same_names(data: bytes, encoding: str, repaired: int) -> None:
    answer = worker.read(data)
    assert [row["cells"] for row in answer["rows"]] == EXPECTED
    assert (answer["encoding"], answer["repaired_lines"]) == (encoding, repaired)


def test_right_text_is_never_changed() -> None:
    for text in ("Zoé", "Noël Â", "Ÿves", "Ã", "Éã", "Ømer", "Łukasz", "Đặng", "naïveté…", "50 €"):
        assert worker.repair(text) == text


def test_a_lost_no_break_space_is_found_again() -> None:
    assert worker.repair("voilÃ  Paul") == "voilà Paul"


@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
def test_separators(separator: str) -> None:
    data = f"nom{separator}COURRIEL\nMoreau{separator}lina@x.fr\n".encode()
    assert cells(data) == [{"last_name": "Moreau", "email": "lina@x.fr"}]


def test_a_comma_inside_quotes_does_not_win() -> None:
    data = b'"Nom, complet";Courriel;Groupe\n"Moreau, Lina";lina@x.fr;"A;B"\n'
    answer = worker.read(data)
    assert answer["separator"] == ";"
    assert answer["unknown"] == ["Nom, complet"]
    assert answer["rows"][0]["cells"] == {"email": "lina@x.fr", "cohort": "A;B"}


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("E-mail", "email"), ("courriel", "email"), ("Adresse électronique", "email"), ("EMAIL_ADDRESS", "email"),
    ],
)  # fmt: skip
def test_email_headers(header: str, column: str) -> None:
    assert worker.read(f"{header}\na@x.fr\n".encode())["columns"] == [column]


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("Prénom", "first_name"), ("First name", "first_name"), ("given_name", "first_name"),
        ("NOM", "last_name"), ("Nom de famille", "last_name"), ("surname", "last_name"),
        ("Rôle", "role"), ("role", "role"), ("Cohorte", "cohort"), ("Classe", "cohort"), ("group", "cohort"),
        ("Langue", "locale"), ("language", "locale"),
    ],
)  # fmt: skip
def test_other_headers(header: str, column: str) -> None:
    assert worker.read(f"mail;{header}\na@x.fr;b\n".encode())["columns"] == ["email", column]


def test_lines_are_those_of_the_file() -> None:
    data = b'sep=;\r\n\r\nE-mail;Nom\r\na@x.fr;"Deux\r\nlignes"\r\n\r\nb@x.fr;B\r\n'
    rows = worker.read(data)["rows"]
    assert [row["line"] for row in rows] == [4, 7]
    assert rows[0]["cells"]["last_name"] == "Deux lignes"


def test_surplus_cells_are_reported_not_shifted() -> None:
    rows = worker.read(b"email;nom\na@x.fr;A;\nb@x.fr;B;C\n")["rows"]
    assert [row["extra"] for row in rows] == [False, True]


def test_our_guard_against_formulas_is_taken_off_again() -> None:
    assert cells(b"email;nom\na@x.fr;'=1+1\n") == [{"email": "a@x.fr", "last_name": "=1+1"}]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"\n\n ; \n", "empty"),
        (b"email;nom\n", "no_rows"),
        (b"PK\x03\x04anything", "spreadsheet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "spreadsheet"),
        (b"%PDF-1.7", "not_text"),
        (b"email\x00;nom", "not_text"),
        (b"nom;prenom\nA;B\n", "no_email_column"),
        (b"email;courriel\na;b\n", "column_twice"),
        (b"email\n" + b"a@x.fr\n" * 10_001, "too_many_rows"),
        (b";".join([b"email"] * 61) + b"\nx\n", "too_many_columns"),
        (b"email;nom\na@x.fr;" + b"x" * 2001 + b"\n", "cell_too_long"),
        (b"x" * (worker.MAX_BYTES + 1), "too_big"),
    ],
)
def test_unusable_files_are_named(data: bytes, code: str) -> None:
    with pytest.raises(worker.Unreadable) as caught:
        worker.read(data)
    assert caught.value.code == code


def test_ten_thousand_lines_are_allowed() -> None:
    data = b"email\n" + b"".join(b"a%d@x.fr\n" % number for number in range(10_000))
    assert len(worker.read(data)["rows"]) == 10_000


def test_random_bytes_are_answered_never_crash() -> None:
    import random

    chance = random.Random(20261120)
    outcomes = set()
    for _round in range(300):
        data = b"email;nom\n" + bytes(
            chance.randrange(256) for _ in range(chance.randrange(1, 400))
        )
        try:
            outcomes.add(bool(worker.read(data)["rows"]))
        except worker.Unreadable as error:
            outcomes.add(error.code)
        except worker.csv.Error:
            outcomes.add("csv")
    assert "not_text" in outcomes
    assert True in outcomes
