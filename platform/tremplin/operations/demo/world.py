"""The demo world as data, and the people made up to fill it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from tenants.slugs import fold

SOURCE = Path(__file__).with_name("demo.yaml")
# Shared secret of the operator's second factor in the demo, shown on the demo page (base32).
DEMO_TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # noqa: S105  public on purpose

FIRST_NAMES = {
    "fr": "Adam Agathe Alice Amine Anaïs Bastien Camélia Chloé Diego Élise Fanta Gabriel Hugo Inès "
    "Jade Kenza Léo Maëlle Mehdi Naïm Océane Pauline Rayan Sarah Thibault Yasmine Zoé".split(),
    "en": "Ada Amara Ben Chidi Daisy Dev Ella Farah George Hana Isaac Jamal Kira Liam Maya Noah "
    "Olive Priya Quinn Ravi Sana Tessa Umar Vera Will Yara Zane".split(),
}
LAST_NAMES = {
    "fr": "Arnaud Bailly Carpentier Delorme Étienne Faure Garnier Haddad Imbert Jacquet Keïta "
    "Lacroix Marchand Nguyen Olivier Perrin Quéré Renaud Sanchez Tessier Vidal".split(),
    "en": "Adeyemi Brooks Chen Doyle Evans Flynn Grant Hughes Ibrahim Jones Khan Lopez Mensah "
    "Novak Owens Patel Quigley Reid Shah Turner Walsh".split(),
}


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """A person of the demo."""

    first_name: str
    last_name: str
    email: str
    role: str
    cohort: str = ""
    totp: bool = False


@lru_cache(maxsize=1)
def load() -> dict[str, Any]:
    """Return the demo world."""
    with SOURCE.open(encoding="utf-8") as source:
        world: dict[str, Any] = yaml.safe_load(source)
    return world


def starts_at() -> datetime:
    """Return the business time at which the demo begins."""
    return datetime.fromisoformat(load()["meta"]["frozen_now"])


def password() -> str:
    """Return the password of every demo account."""
    return str(load()["meta"]["password"])


def seed() -> int:
    """Return the fixed seed of everything made up."""
    return int(load()["meta"]["seed"])


def named(entry: dict[str, Any], cohorts: list[str]) -> DemoPerson:
    """Return the person of an entry of the file."""
    first, _, last = str(entry["name"]).partition(" ")
    index = entry.get("cohort")
    return DemoPerson(
        first,
        last,
        entry["email"],
        entry["role"],
        cohorts[index] if index is not None else "",
        bool(entry.get("totp")),
    )


def generated(space: dict[str, Any]) -> list[DemoPerson]:
    """Return the made-up learners of a space, the same at every run.

    The second cohort of a space holds ten learners with its named ones (journey J5), the first
    one the others.
    """
    wanted = int(space.get("generated_learners", 0))
    cohorts = space.get("cohorts", [])
    language = space["locale"] if space["locale"] in FIRST_NAMES else "fr"
    source = random.Random(f"{seed()}:{space['key']}")  # noqa: S311  the same people each time
    pairs = [(first, last) for first in FIRST_NAMES[language] for last in LAST_NAMES[language]]
    chosen = source.sample(pairs, wanted)
    in_second = sum(1 for user in space["users"] if user.get("cohort") == 1)
    second = max(0, 10 - in_second) if len(cohorts) > 1 and space["kind"] == "school" else 0
    domain = space["users"][0]["email"].split("@")[1]
    people = []
    for index, (first, last) in enumerate(chosen):
        address = f"{fold(first)}.{fold(last)}@{domain}"
        cohort = cohorts[1] if index < second else (cohorts[0] if cohorts else "")
        people.append(DemoPerson(first, last, address, "learner", cohort))
    return people
