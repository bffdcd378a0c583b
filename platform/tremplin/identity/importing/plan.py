"""The dry run: what each line would do, and why some lines cannot be used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from tremplin.identity import roles as role_catalogue
from tremplin.identity import seats
from tremplin.identity.importing.reading import Line, Sheet
from tremplin.identity.models import Cohort, CohortMembership, User
from tremplin.identity.normalise import clean_text, fold, is_email, normalise_email, slugify

# French words people type for roles, beside the labels themselves.
ROLE_WORDS = {
    "administrateur": "admin", "administratrice": "admin",
    "responsable": "manager", "gestionnaire": "manager",
    "formateur": "trainer", "formatrice": "trainer", "enseignant": "trainer", "enseignante": "trainer",
    "teacher": "trainer",
    "recruteur": "recruiter", "recruteuse": "recruiter",
    "apprenant": "learner", "apprenante": "learner", "eleve": "learner", "etudiant": "learner",
    "etudiante": "learner", "stagiaire": "learner", "student": "learner", "pupil": "learner",
    "candidat": "candidate", "candidate": "candidate",
    "professionnel": "professional", "professionnelle": "professional",
}  # fmt: skip
LANGUAGE_WORDS = {
    "fr": "fr", "francais": "fr", "french": "fr", "fr-fr": "fr", "fr-ca": "fr",
    "en": "en", "anglais": "en", "english": "en", "en-gb": "en", "en-us": "en",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """Why one line is not used."""

    line: int
    column: str
    message: str


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A line that creates an account."""

    line: int
    email: str
    first_name: str
    last_name: str
    roles: tuple[str, ...]
    cohorts: tuple[str, ...]
    locale: str


@dataclass(frozen=True, slots=True)
class Known:
    """A line about someone who already has an account; only missing cohorts are added."""

    line: int
    person: UUID
    email: str
    joins: tuple[str, ...]


@dataclass(slots=True)
class Plan:
    """What an import would do."""

    new: list[NewPerson] = field(default_factory=list)
    joining: list[Known] = field(default_factory=list)
    unchanged: list[Known] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    new_cohorts: dict[str, str] = field(default_factory=dict)
    places: seats.Places = seats.UNLIMITED
    takes: int = 0  # places that the new people need
    no_place: int = 0  # lines left out because no place is left

    @property
    def ok(self) -> int:
        """Return how many lines can be used."""
        return len(self.new) + len(self.joining) + len(self.unchanged)

    @property
    def changes(self) -> int:
        """Return how many people would be created or put in a cohort."""
        return len(self.new) + len(self.joining)

    @property
    def places_after(self) -> int:
        """Return how many places are taken once the import is done."""
        return self.places.used + self.takes


def role_words(kind: str) -> dict[str, str]:
    """Return folded words (codes, labels in every language, usual words) by role code."""
    available = role_catalogue.roles_for(kind)
    allowed = {role.code for role in available}
    words = {word: code for word, code in ROLE_WORDS.items() if code in allowed}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            for role in available:
                label = role_catalogue.name_of(role)
                # The space's own names never take the word of a declared role.
                words.setdefault(fold(label), role.code)
                words.setdefault(fold(label.replace("·", "")), role.code)
    words |= {code: code for code in allowed}
    words |= {code.replace("_", " "): code for code in allowed}
    return words


class _Checker:
    def __init__(
        self, *, kind: str, allowed_roles: frozenset[str], default_role: str, default_cohort: str
    ) -> None:
        self.words = role_words(kind)
        self.allowed = allowed_roles
        self.default_role = default_role
        self.default_cohort = default_cohort
        self.first_line: dict[str, int] = {}

    def check(self, line: Line) -> NewPerson | Problem:
        cells = line.cells
        email = normalise_email(cells.get("email", ""))
        if line.extra:
            return Problem(
                line.number, "", _("More cells than columns: check the separators or the quotes.")
            )
        if not email:
            return Problem(line.number, "email", _("The e-mail address is missing."))
        if not is_email(email):
            return Problem(
                line.number,
                "email",
                _("“%(email)s” is not an e-mail address.") % {"email": email[:254]},
            )
        if email in self.first_line:
            return Problem(
                line.number,
                "email",
                _("Same e-mail address as line %(line)s.") % {"line": self.first_line[email]},
            )
        self.first_line[email] = line.number
        return self._rest(line, email)

    def _rest(self, line: Line, email: str) -> NewPerson | Problem:
        cells = line.cells
        roles: list[str] = []
        for part in cells.get("role", "").split("|"):
            if not (word := fold(part)):
                continue
            code = self.words.get(word)
            if code is None:
                return Problem(
                    line.number, "role", _("Unknown role “%(role)s”.") % {"role": part.strip()[:80]}
                )
            if code not in self.allowed:
                return Problem(
                    line.number,
                    "role",
                    _("You may not give the role “%(role)s”.")
                    % {"role": role_catalogue.label(code)},
                )
            roles.append(code)
        if not roles and self.default_role not in self.allowed:
            # The importer lost the right to give it between the check and the import.
            return Problem(
                line.number,
                "role",
                _("You may not give the role “%(role)s”.")
                % {"role": role_catalogue.label(self.default_role)},
            )
        locale = ""
        if word := fold(cells.get("locale", "")):
            if word not in LANGUAGE_WORDS:
                return Problem(
                    line.number,
                    "locale",
                    _("Unknown language “%(language)s”: write fr or en.") % {"language": word[:40]},
                )
            locale = LANGUAGE_WORDS[word]
        cohorts = []
        for part in cells.get("cohort", "").split("|"):
            name = clean_text(part)
            if not name:
                continue
            if len(name) > 120 or not slugify(name):
                return Problem(
                    line.number,
                    "cohort",
                    _("“%(name)s” is not a usable cohort name.") % {"name": name[:80]},
                )
            cohorts.append(name)
        names = [clean_text(cells.get(column, "")) for column in ("first_name", "last_name")]
        if any(len(name) > 100 for name in names):
            return Problem(line.number, "last_name", _("A name has more than 100 characters."))
        return NewPerson(
            line.number,
            email,
            names[0],
            names[1],
            tuple(dict.fromkeys(roles)) or (self.default_role,),
            tuple(dict.fromkeys(cohorts))
            or ((self.default_cohort,) if self.default_cohort else ()),
            locale,
        )


def make_plan(
    sheet: Sheet,
    *,
    kind: str,
    allowed_roles: Iterable[str],
    default_role: str = "learner",
    default_cohort: str = "",
    lock: bool = False,
) -> Plan:
    """Return what importing ``sheet`` into the current space would do; writes nothing.

    ``allowed_roles`` are those the importer may give. Lines beyond the places of the space's plan
    are problems; with ``lock`` nobody else takes a place before the transaction ends. The number of
    queries does not depend on the length.
    """
    checker = _Checker(
        kind=kind,
        allowed_roles=frozenset(allowed_roles),
        default_role=default_role,
        default_cohort=clean_text(default_cohort)[:120],
    )
    plan = Plan()
    rows: list[NewPerson] = []
    for line in sheet.lines:
        checked = checker.check(line)
        if isinstance(checked, Problem):
            plan.problems.append(checked)
        else:
            rows.append(checked)
    known = dict(
        User.objects.filter(email__in=[row.email for row in rows]).values_list("email", "pk")
    )
    slugs = dict(Cohort.objects.values_list("slug", "id"))
    members = set(
        CohortMembership.objects.filter(person_id__in=known.values()).values_list(
            "person_id", "cohort_id"
        )
    )
    for row in rows:
        for name in row.cohorts:
            if slugify(name) not in slugs:
                plan.new_cohorts.setdefault(slugify(name), name)
        if row.email not in known:
            plan.new.append(row)
            continue
        person = known[row.email]
        joins = tuple(
            name for name in row.cohorts if (person, slugs.get(slugify(name))) not in members
        )
        entry = Known(row.line, person, row.email, joins)
        (plan.joining if joins else plan.unchanged).append(entry)
    _fit(plan, lock)
    return plan


def _fit(plan: Plan, lock: bool) -> None:
    """Leave out the people for whom no place is left, in the order of the file."""
    plan.places = seats.places(lock=lock)
    free = plan.places.free
    if free is None:
        return
    counted = role_catalogue.seat_roles()
    kept: list[NewPerson] = []
    for row in plan.new:
        takes_one = not counted.isdisjoint(row.roles)
        if takes_one and free == 0:
            plan.no_place += 1
            plan.problems.append(
                Problem(
                    row.line,
                    "",
                    _("No seat is left: the plan has %(total)s.") % {"total": plan.places.total},
                )
            )
            continue
        free -= takes_one
        plan.takes += takes_one
        kept.append(row)
    plan.new = kept
    plan.problems.sort(key=lambda problem: problem.line)
    used = {slugify(name) for row in kept for name in row.cohorts}
    used |= {slugify(name) for known in plan.joining for name in known.joins}
    plan.new_cohorts = {slug: name for slug, name in plan.new_cohorts.items() if slug in used}
