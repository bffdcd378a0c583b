"""Walk the main journey of the running demo over HTTP, as a new customer would."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from tremplin.operations.demo import world
from tremplin.operations.demo.answers import Answers
from tremplin.operations.demo.visitor import Page, Visitor, WalkError

Report = Callable[[str], None]
SLUG = "lycee-garnier"
EMAIL = "camille@garnier.example"
PASSWORD = "une-phrase-pour-Garnier-2026"  # noqa: S105  of a space that the check creates

LEARNERS = 28
TEST_CARD = "4242 4242 4242 4242"
# A company that is not; the number passes its control digit.
IDENTITY = {
    "legal_name": "Lycée Garnier",
    "siren": "793 102 450",
    "line1": "1 rue Bleue",
    "postal_code": "69001",
    "city": "Lyon",
}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One step of the walk."""

    name: str
    ok: bool
    detail: str = ""


def _wait(find: Callable[[], str | None], seconds: float = 20.0) -> str:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if found := find():
            return found
        time.sleep(0.2)
    raise WalkError("nothing came within 20 seconds")


class Walk:
    """The steps, in order; each raises ``WalkError`` when what it expects is not there."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.slug = f"{SLUG}-{int(time.time()) % 100_000}"
        self.host = f"{self.slug}.localhost"

    def visitor(self, host: str) -> Visitor:
        return Visitor(self.base_url, host)

    def unknown_host(self) -> str:
        page = self.visitor("evil.example").get("/", expect=404)
        if "Tremplin" in page.text and "MécaFormation" in page.text:
            raise WalkError("an unknown host shows the data of a space")
        return "404"

    def front_pages(self) -> str:
        hosts = ["tremplin.localhost", "mecaformation.localhost", "horizon.localhost"]
        for host in [*hosts, "volteo.localhost", "passerelle.localhost"]:
            self.visitor(host).get("/")
        return "5 spaces answer"

    def create_space(self) -> str:
        visitor = self.visitor("tremplin.localhost")
        form = visitor.get("/start/").form(testid="start-submit")
        visitor.submit(
            form,
            name="Lycée Garnier",
            slug=self.slug,
            kind="school",
            email=EMAIL,
            password=PASSWORD,
            terms="on",
        ).expect_path("/start/sent/")
        link = _wait(lambda: self._mailed_link(visitor, r"http://[\w.:-]+/start/confirm/[\w-]+/"))
        self.owner = visitor.follow(link)
        self.owner.page.expect_path("/console/welcome/")
        if 'data-testid="onboarding-checklist"' not in self.owner.page.text:
            raise WalkError("the checklist is missing")
        return self.host

    def _mailed_link(self, visitor: Visitor, pattern: str) -> str | None:
        outbox = visitor.get("/_demo/outbox/")
        for path in re.findall(r'href="(/_demo/outbox/[0-9-]+/)"', outbox.text):
            text = visitor.get(path).text
            if EMAIL in text and (match := re.search(pattern, text)):
                return match.group(0)
        return None

    def guarded_brand(self) -> str:
        page = self.owner.get("/console/branding/")
        form = page.form(testid="brand-draft")
        refused = self.owner.submit(
            form, action="/console/branding/publish/", expect=422, primary="#ffd54f"
        )
        if "#937100" not in refused.text:
            raise WalkError("no darker colour is proposed for #ffd54f")
        self.owner.submit(form, action="/console/branding/publish/", primary="#937100")
        if 'data-testid="brand-versions"' not in self.owner.page.text:
            raise WalkError("the brand was not published")
        return "#ffd54f refused, #937100 published"

    def import_people(self) -> str:
        lines = ["email,first_name,last_name,role,cohort"]
        lines += [
            f"eleve{n}@garnier.example,Élève,Numéro{n},learner,2026-A"
            for n in range(1, LEARNERS + 1)
        ]
        lines += [
            "pas-une-adresse,Sans,Adresse,learner,2026-A",
            "x@garnier.example,X,Y,wizard,2026-A",
        ]
        content = ("\n".join(lines) + "\n").encode("utf-8")
        form = self.owner.get("/console/people/import/").form(testid="import-upload")
        preview = self.owner.submit(form, files={"file": ("people.csv", "text/csv", content)})
        if not re.search(rf"\b{LEARNERS}\b", preview.text):
            raise WalkError("the dry run does not announce 28 people")
        self.owner.submit(preview.form(testid="import-apply"))
        people = self.owner.get("/console/people/?q=eleve28")
        if "eleve28@garnier.example" not in people.text:
            raise WalkError("an imported person is missing")
        return "28 imported, 2 refused"

    def start_quiz(self) -> str:
        page = self.owner.get("/console/modules/quiz/")
        self.owner.submit(page.form(testid="module-trial"))
        self.owner.get("/console/quiz/")
        return "trial started"

    def buy_plan(self) -> str:
        """Buy the plan École with the test card and find the money and the seats right."""
        module = self.owner.get("/console/modules/quiz/")
        page = self.owner.get(module.link("buy-ecole"))
        details = page.form(testid="details-save")
        details.fields |= IDENTITY
        self.owner.submit(details)
        quote = self.owner.submit(self.owner.page.form(testid="checkout-submit"))
        self._expect(quote, "quote-net", "390,00 EUR")
        card = self.owner.submit(quote.form(testid="pay"))
        order = self.owner.submit(card.form(testid="card-submit"), number=TEST_CARD)
        self._expect(order, "order-net", "390,00 EUR")
        self._expect(order, "order-total", "468,00 EUR")
        self._expect(order, "order-seats", f"{LEARNERS}/100")
        number = order.words("order-invoice")
        invoice = self.owner.get(order.link("order-invoice"))
        if not invoice.text.startswith("%PDF-"):
            raise WalkError(f"the invoice {number} is no PDF")
        return f"390,00 EUR before VAT, invoice {number}, seats {LEARNERS}/100"

    @staticmethod
    def _expect(page: Page, testid: str, wanted: str) -> None:
        if (shown := page.words(testid)) != wanted:
            raise WalkError(f"{testid} on {page.path} shows {shown!r} instead of {wanted!r}")

    def assign_pack(self) -> str:
        library = self.owner.get("/console/quiz/library/")
        page = self.owner.submit(library.form(testid="pack-install-securite-ht"))
        cohorts = re.findall(r'name="cohorts"[^>]*value="([^"]+)"', page.text)
        form = page.form(testid="assign-submit")
        self.owner.submit(form, repeated={"cohorts": cohorts[:1]})
        _wait(self._all_mailed, seconds=40)
        return "28 people told by mail"

    def _all_mailed(self) -> str | None:
        outbox = self.owner.get("/_demo/outbox/")
        return "mailed" if outbox.text.count("haute tension") >= LEARNERS else None

    def take_quiz(self) -> str:
        learner = self.visitor("mecaformation.localhost")
        learner.sign_in("lina@mecaformation.example", world.password())
        # On a demo that was checked before, the quiz is among the done ones.
        pages = [learner.get("/app/").text, learner.get("/app/quiz/").text]
        links = [re.search(r'href="(/app/quiz/[0-9a-f-]{36}/)"', page) for page in pages]
        link = next((found for found in links if found), None)
        if link is None or "haute tension" not in "".join(pages):
            raise WalkError("Lina does not find her quiz")
        learner.submit(learner.get(link.group(1)).form(testid="quiz-start"))
        answers = Answers(world.load()["quizzes"][0]["questions"])
        for _question in range(answers.count):
            page = learner.page
            last = 'data-testid="quiz-next"' not in page.text
            form = page.form(testid="quiz-finish")
            learner.submit(
                form,
                repeated=answers.for_page(page.text, wrong={"short"}),
                go="finish" if last else "next",
            )
        learner.submit(learner.page.form(testid="quiz-submit"))
        percent = re.search(r'data-testid="quiz-percent"[^>]*>\s*([^<]+?)\s*<', learner.page.text)
        shown = percent.group(1).replace("\u202f", " ") if percent else "nothing"
        if shown != "87,5 %" and shown != "87,50 %":
            raise WalkError(f"7 right answers of 8 show {shown} instead of 87,5 %")
        return f"Lina takes it: {shown}"

    def isolation(self) -> str:
        lina = self.visitor("mecaformation.localhost")
        lina.sign_in("lina@mecaformation.example", world.password())
        lina.get("/app/")
        stranger = lina.elsewhere("horizon.localhost")
        page = stranger.get("/app/", expect=302)
        if "/accounts/login/" not in page.location:
            raise WalkError("a session of one space opens another")
        lina.get("/platform/", expect=404)
        lina.get("/console/", expect=403)
        return "a session stays in its space"

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        return [
            ("an unknown host shows nothing", self.unknown_host),
            ("every space answers", self.front_pages),
            ("a visitor creates a space", self.create_space),
            ("the brand is guarded and published", self.guarded_brand),
            ("people are imported from a CSV", self.import_people),
            ("the quiz module starts", self.start_quiz),
            ("a plan is bought with the test card", self.buy_plan),
            ("a content pack is installed and assigned", self.assign_pack),
            ("a learner takes her quiz", self.take_quiz),
            ("spaces are isolated", self.isolation),
        ]


def run(base_url: str, report: Report) -> list[CheckResult]:
    """Walk every step against ``base_url``; a failed step does not stop the independent ones."""
    walk = Walk(base_url)
    results = []
    for name, step in walk.steps():
        report(name)
        try:
            results.append(CheckResult(name, True, step()))
        except (WalkError, OSError, AttributeError) as error:
            results.append(CheckResult(name, False, str(error)))
    return results
