"""The quality tier of a module, computed from the report of the contract suite.

Rules are those of ``tremplin.testing.contract``, named by their number. A report belongs to one
version: another version has no tier until its own report is stored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

from django.utils.translation import gettext as _

Tier = Literal["", "bronze", "silver", "gold"]
TIERS: tuple[Tier, ...] = ("gold", "silver", "bronze")
# What protects the space and its people: identity, imports, gate, access, personal data, tables,
# activation and tasks. The others make a module good to use: texts, pages, speed, documents.
SAFETY = frozenset({"01", "02", "03", "04", "05", "06", "08", "10", "11", "13"})
SHIPPED = "quality.json"
_RULE = re.compile(r"test_rule_(\d\d)_")


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of each rule: ``passed``, ``failed`` or ``skipped``; and the module's own tests."""

    version: str
    rules: Mapping[str, str]
    own_passed: int = 0
    own_failed: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the report as it is stored."""
        return {
            "version": self.version,
            "rules": dict(sorted(self.rules.items())),
            "own_passed": self.own_passed,
            "own_failed": self.own_failed,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Report:
        """Return the report that ``as_json`` wrote."""
        return cls(
            body.get("version", ""),
            body.get("rules", {}),
            body.get("own_passed", 0),
            body.get("own_failed", 0),
        )

    @property
    def passed(self) -> list[str]:
        """Return the numbers of the rules that passed."""
        return sorted(rule for rule, outcome in self.rules.items() if outcome == "passed")

    @property
    def failed(self) -> list[str]:
        """Return the numbers of the rules that failed."""
        return sorted(rule for rule, outcome in self.rules.items() if outcome == "failed")


def rule_name(number: str) -> str:
    """Return what a rule of the contract suite asks of a module, in the reader's language."""
    return {
        "01": _("Complete description, one name, a licence, French and English"),
        "02": _("Uses only the public interface of the platform"),
        "03": _("Answers the platform as it is asked"),
        "04": _("Switched off, it contributes nothing"),
        "05": _("Each page opens for the right people only"),
        "06": _("Its programming interface checks who calls"),
        "07": _("Its settings are valid and can be changed"),
        "08": _("Personal data is exported and erased completely"),
        "09": _("Its demonstration data can be made again"),
        "10": _("Switched off and on it keeps its data; erased it leaves nothing"),
        "11": _("Its tables can be made and removed"),
        "12": _("Its events have a stable form"),
        "13": _("Its background tasks can be repeated without harm"),
        "14": _("Does not slow pages down"),
        "17": _("Pages are valid, accessible and complete in both languages"),
        "18": _("Loads nothing from other sites"),
        "19": _("Has a description and a list of changes"),
        "20": _("Its tables, rights and addresses are its own"),
    }.get(number, _("Rule %(number)s") % {"number": number})


def read_shipped(folder: Path) -> Report | None:
    """Return the report in the package of a module (``quality.json``), None without a good one."""
    path = folder / SHIPPED
    if not path.is_file():
        return None
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        report = Report.from_json(body)
        known = {"passed", "failed", "skipped"}
        if set(report.rules.values()) <= known and report.own_passed + report.own_failed >= 0:
            return report
    except (ValueError, TypeError, AttributeError):
        pass
    return None


def write_shipped(folder: Path, report: Report) -> Path:
    """Write the report that a release of the module ships; return its path."""
    path = folder / SHIPPED
    path.write_text(json.dumps(report.as_json(), indent=2) + "\n", encoding="utf-8")
    return path


def tier_of(report: Report) -> Tier:
    """Return the tier: safety rules make bronze, all rules silver, with own tests gold.

    A failed rule of safety, a failed test of the module's own, or a missing rule gives none.
    """
    passed = {rule for rule, outcome in report.rules.items() if outcome == "passed"}
    if not passed >= SAFETY or report.own_failed:
        return ""
    if report.failed or "skipped" in report.rules.values():
        return "bronze"
    return "gold" if report.own_passed else "silver"


def tier_name(tier: str) -> str:
    """Return the name of a tier in the reader's language."""
    return {"gold": _("Gold"), "silver": _("Silver"), "bronze": _("Bronze")}.get(
        tier, _("Not tested")
    )


def read_junit(text: str, *, version: str, slug: str) -> Report:
    """Return the report of a run of the suite for ``slug`` (the XML of ``pytest --junitxml``).

    A rule made of several tests has its worst outcome; tests of other modules are left out.
    Raises ``ValueError`` for a file that is not such a report.
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("not a report of pytest")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  no entity, looked at above
    except ElementTree.ParseError as error:
        raise ValueError("not a report of pytest") from error
    rules: dict[str, str] = {}
    passed = failed = 0
    order = ("failed", "skipped", "passed")
    for case in root.iter("testcase"):
        name = case.get("name", "")
        outcome = _outcome(case)
        found = _RULE.match(name)
        if found is None:
            passed += outcome == "passed"
            failed += outcome == "failed"
            continue
        parameters = re.findall(r"[\[-]([a-z][a-z0-9_]*)(?=[\]-])", name)
        if parameters and slug not in parameters:
            continue
        former = rules.get(found[1], "passed")
        rules[found[1]] = min((former, outcome), key=order.index)
    return Report(version, rules, passed, failed)


def _outcome(case: ElementTree.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"
