"""Components, form fields, icons and number formats render what their catalogue promises."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from django import forms
from django.core.paginator import Paginator
from django.template import TemplateSyntaxError, engines
from django.test import RequestFactory
from django.utils import translation
from django_cotton.compiler_regex import CottonCompiler
from lxml import html

from tremplin.portal import number_format
from tremplin.portal.templatetags import icons
from tremplin.portal.templatetags.icons import FALLBACK, icon_names, render_icon
from tremplin.portal.templatetags.shell import page_window

NARROW, NO_BREAK, MINUS = "\u202f", "\u00a0", "\u2212"


def draw(
    source: str, language: str = "en", path: str = "/?q=a&page=2", **context: object
) -> html.HtmlElement:
    with translation.override(language):
        template = engines["django"].from_string(CottonCompiler().process(source))
        # The request goes in as a plain value: no context processor, so no space and no database.
        text = template.render({**context, "request": RequestFactory().get(path)})
    return html.fromstring(f"<div>{text}</div>")


# --- components ----------------------------------------------------------------------------------
def test_button_is_a_button_or_a_link() -> None:
    button = draw('<c-button icon="plus" testid="go" hx-post="/x/">Go</c-button>')[0]
    assert (button.tag, button.get("type"), button.get("data-variant"), button.get("data-size")) == (
        "button", "submit", "primary", "sm",
    )  # fmt: skip
    assert (button.get("data-testid"), button.get("hx-post"), button.text_content()) == (
        "go",
        "/x/",
        "Go",
    )
    assert len(button.xpath(".//svg[@aria-hidden='true']")) == 1
    link = draw('<c-button href="/a/?b=1&c=2" variant="outline" size="md">Go</c-button>')[0]
    assert (link.tag, link.get("href"), link.get("data-size")) == ("a", "/a/?b=1&c=2", "default")


def test_disabled_link_button_cannot_be_followed() -> None:
    button = draw('<c-button href="/a/" disabled>Go</c-button>')[0]
    assert (button.tag, button.get("disabled") is not None, button.get("href")) == (
        "button",
        True,
        None,
    )


def test_context_text_is_escaped_in_every_place() -> None:
    evil = '"><script>alert(1)</script>'
    page = draw(
        '<c-panel title="{{ x }}" subtitle="{{ x }}" data-name="{{ x }}"><c-kpi :label="x" :value="x" />'
        '<c-progress :label="x" :value="50" /><c-alert title="{{ x }}">{{ x }}</c-alert>'
        '<c-empty :title="x">{{ x }}</c-empty><c-copy id="c" :value="x" :label="x" /></c-panel>',
        x=evil,
    )
    assert page.xpath("//script") == []
    assert page.xpath("//section[@data-name]/@data-name") == [evil]
    assert page.xpath("//h2[@class='panel-title']/text()") == [evil]


def test_panel_has_head_body_and_foot() -> None:
    page = draw(
        '<c-panel title="T" subtitle="S" level="3" class="xl:col-span-2">B'
        '<c-slot name="actions">A</c-slot><c-slot name="footer">F</c-slot></c-panel>'
    )
    panel = page[0]
    assert panel.get("class") == "card panel xl:col-span-2"
    assert panel.xpath("header//h3/text()") == ["T"]
    assert [panel.xpath(f"string({part})").strip() for part in ("section", "footer")] == ["B", "F"]
    assert draw("<c-panel>B</c-panel>")[0].xpath("header | footer") == []


def test_progress_is_a_native_element() -> None:
    bar = draw('<c-progress label="CV" :value="64" />', "fr").xpath("//progress")[0]
    assert (bar.get("value"), bar.get("max"), bar.get("aria-label")) == ("64", "100", "CV")
    assert bar.text == f"64{NARROW}%"
    half = draw('<c-progress label="CV" :value="v" />', "fr", v=62.5).xpath("//progress")[0]
    assert half.get("value") == "62.5"
    assert draw('<c-progress label="CV" />').xpath("//progress/@value") == []


def test_table_region_can_be_scrolled_with_the_keyboard() -> None:
    page = draw(
        '<c-table label="People"><c-slot name="head"><th>A</th></c-slot><tr><td>1</td></tr></c-table>'
    )
    region = page.xpath("//div[@role='region']")[0]
    assert (region.get("tabindex"), region.get("aria-label")) == ("0", "People")
    assert {"relative", "overflow-x-auto"} <= set(region.get("class").split())
    assert page.xpath("//caption/text()") == ["People"]


def test_tabs_mark_the_current_page() -> None:
    tabs = [{"label": "A", "url": "/a/", "current": True, "badge": 0}, {"label": "B", "url": "/b/"}]
    page = draw('<c-tabs :items="tabs" />', tabs=tabs)
    assert page.xpath("//a/@aria-current") == ["page"]
    assert page.xpath("//span[@class='nav-badge']/text()") == ["0"]


def test_pagination_keeps_the_other_parameters() -> None:
    page = draw('<c-pagination :page="page" />', page=Paginator(range(1284), 25).page(7))
    assert page.xpath("//a/@href") == [f"?q=a&page={n}" for n in (6, 1, 6, 8, 52, 8)]
    assert page.xpath("//*[@aria-current='page']/text()")[-1].strip() == "7"
    assert page.xpath("//p/text()") == ["151 to 175 of 1,284"]
    assert (
        draw('<c-pagination :page="page" />', page=Paginator([1], 25).page(1)).xpath("//nav") == []
    )


@pytest.mark.parametrize(
    ("number", "total", "shown"),
    [
        (1, 1, [1]),
        (1, 3, [1, 2, 3]),
        (3, 5, [1, 2, 3, 4, 5]),
        (7, 52, [1, None, 6, 7, 8, None, 52]),
        (4, 9, [1, 2, 3, 4, 5, None, 9]),
    ],
)
def test_page_window(number: int, total: int, shown: list[int | None]) -> None:
    assert page_window(Paginator(range(total), 1).page(number)) == shown


def test_dialog_is_named_and_described() -> None:
    dialog = draw('<c-dialog id="d" title="T" description="D" open_now>B</c-dialog>')[0]
    assert (dialog.tag, dialog.get("aria-labelledby"), dialog.get("aria-describedby")) == (
        "dialog", "d-title", "d-description",
    )  # fmt: skip
    assert dialog.get("data-open-now") is not None
    assert [
        dialog.xpath(f"string(//*[@id='{part}'])") for part in ("d-title", "d-description")
    ] == ["T", "D"]


def test_checklist_and_steps_say_their_state_in_words() -> None:
    items = [{"label": "A", "done": True}, {"label": "B", "url": "/b/", "note": "N"}]
    page = draw('<c-checklist :items="items" />', "fr", items=items)
    assert [span.text for span in page.xpath("//span[@class='sr-only']")] == [
        f"Fait{NARROW}:", f"À faire{NARROW}:",
    ]  # fmt: skip
    steps = [
        {"label": "A", "state": "done"},
        {"label": "B", "state": "current"},
        {"label": "C", "state": "todo"},
    ]
    page = draw('<c-steps :items="steps" />', steps=steps)
    assert page.xpath("//li[@aria-current='step']/text()") == ["B"]


def test_empty_state_teaches_and_offers_a_start() -> None:
    page = draw(
        '<c-empty title="T">Why<c-slot name="actions"><c-button>Go</c-button></c-slot></c-empty>'
    )
    assert page.xpath("//h2/text()") == ["T"]
    assert page.xpath("string(//div[@class='empty-body'])") == "Why"
    assert page.xpath("//button/text()") == ["Go"]


# --- forms ---------------------------------------------------------------------------------------
class SpaceForm(forms.Form):
    name = forms.CharField(help_text="Shown everywhere.")
    email = forms.EmailField(required=False)
    kind = forms.ChoiceField(choices=[("a", "A"), ("b", "B")], widget=forms.RadioSelect)
    terms = forms.BooleanField(label="Terms")
    token = forms.CharField(widget=forms.HiddenInput)


def test_field_ties_label_help_and_error() -> None:
    form = SpaceForm({"name": "", "email": "maud@", "token": "t"})
    page = draw('<c-errors :form="form" />{{ form.as_div }}', form=form)
    name = page.xpath("//input[@name='name']")[0]
    assert name.get("aria-invalid") == "true"
    described = name.get("aria-describedby").split()
    assert sorted(described) == ["id_name_error", "id_name_helptext"]
    texts = [page.xpath(f"string(//*[@id='{one}'])").strip() for one in sorted(described)]
    assert texts == ["This field is required.", "Shown everywhere."]
    assert page.xpath("//label[@for='id_email']/span/text()") == ["(optional)"]
    assert page.xpath("//div[@data-testid='form-errors']/strong/text()") == [
        "4 points need your attention"
    ]
    assert page.xpath("//div[@data-testid='form-errors']//a/@href")[:2] == ["#id_name", "#id_email"]
    assert page.xpath("//input[@name='token']/@type") == ["hidden"]


def test_choices_are_a_named_group() -> None:
    page = draw("{{ form.kind.as_field_group }}", form=SpaceForm())
    assert page.xpath("//fieldset/legend/text()") == ["Kind"]
    assert page.xpath("//fieldset//input/@value") == ["a", "b"]
    assert [label.text_content().strip() for label in page.xpath("//fieldset//label")] == ["A", "B"]


def test_valid_form_shows_no_summary() -> None:
    form = SpaceForm({"name": "n", "kind": "a", "terms": "on", "token": "t"})
    assert draw('<c-errors :form="form" />', form=form).xpath("//div[@role='alert']") == []


# --- icons ---------------------------------------------------------------------------------------
def test_icons_are_hidden_from_assistive_technology() -> None:
    listed = Path(icons.FOLDER.parent, "assets", "icons.txt").read_text("utf-8").split()
    assert icon_names() == set(listed)
    svg = html.fromstring(render_icon("bell", "size-5"))
    assert (svg.get("aria-hidden"), svg.get("class")) == ("true", "icon size-5")


@pytest.mark.parametrize("name", ["unknown", "../../secret", "", "BELL"])
def test_unknown_icon_from_a_manifest_gives_the_neutral_one(name: str) -> None:
    assert render_icon(name) == render_icon(FALLBACK)


def test_unknown_icon_in_a_template_is_an_error() -> None:
    with pytest.raises(TemplateSyntaxError, match='Icon "belll" is not in the committed subset'):
        engines["django"].from_string('{% icon "belll" %}')


def test_icon_class_cannot_break_out() -> None:
    assert 'class="icon &quot;&gt;x"' in render_icon("bell", '">x')


# --- numbers -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("function", "value", "french", "english"),
    [
        ("number", 1284, f"1{NARROW}284", "1,284"),
        ("number", -1234567.891, f"{MINUS}1{NARROW}234{NARROW}567,89", f"{MINUS}1,234,567.89"),
        ("number", 12.50, "12,5", "12.5"),
        ("number", -0.001, "0", "0"),
        ("number", None, "—", "—"),
        ("number", "x", "—", "—"),
        ("number", float("inf"), "—", "—"),
        ("percent", 87.5, f"87,5{NARROW}%", "87.5%"),
        ("ratio", 0.875, f"88{NARROW}%", "88%"),
        ("signed", 8, "+8", "+8"),
        ("signed", -1, f"{MINUS}1", f"{MINUS}1"),
        ("signed", 0, "0", "0"),
        ("money", 39000, f"390,00{NARROW}EUR", f"EUR{NO_BREAK}390.00"),
        ("money", -5, f"{MINUS}0,05{NARROW}EUR", f"EUR{NO_BREAK}{MINUS}0.05"),
        ("duration", 4800, f"1{NO_BREAK}h 20{NO_BREAK}min", f"1{NO_BREAK}h 20{NO_BREAK}min"),
        ("duration", 45, f"45{NO_BREAK}s", f"45{NO_BREAK}s"),
        ("duration", 0, f"0{NO_BREAK}s", f"0{NO_BREAK}s"),
        ("duration", 172800, f"2{NO_BREAK}jours", f"2{NO_BREAK}days"),
        ("clock", 720, "12:00", "12:00"),
        ("clock", 3909, "1:05:09", "1:05:09"),
        ("clock", -3, "0:00", "0:00"),
        ("file_size", 999, f"999{NO_BREAK}o", f"999{NO_BREAK}B"),
        ("file_size", 5_200_000, f"5,2{NO_BREAK}Mo", f"5.2{NO_BREAK}MB"),
    ],
)
def test_formats(function: str, value: object, french: str, english: str) -> None:
    render = getattr(number_format, function)
    with translation.override("fr"):
        assert render(value) == french
    with translation.override("en"):
        assert render(value) == english


def test_currencies_without_cents() -> None:
    with translation.override("fr"):
        assert number_format.money(1500, "XOF") == f"1{NARROW}500{NARROW}XOF"


@pytest.mark.parametrize(
    ("text", "french"),
    [
        ("Prêt ?", f"Prêt{NARROW}?"),
        ("Note: 12", f"Note{NARROW}: 12"),
        ("à 18:00", "à 18:00"),
        ("https://a.example", "https://a.example"),
        ("« oui »", f"«{NARROW}oui{NARROW}»"),
        ("78 %", f"78{NARROW}%"),
        ("?", "?"),
    ],
)
def test_french_spaces(text: str, french: str) -> None:
    with translation.override("fr"):
        assert number_format.french_spaces(text) == french
    with translation.override("en"):
        assert number_format.french_spaces(text) == text


# --- layouts -------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["app", "console", "public", "account"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_layout_renders_without_a_shell(name: str, language: str) -> None:
    page = draw(
        f'{{% extends "portal/{name}.html" %}}{{% block title %}}T{{% endblock %}}'
        "{% block heading %}H{% endblock %}{% block content %}C{% endblock %}",
        language,
    )
    skip = page.xpath("//a[@class='skip-link']")
    assert [link.get("href") for link in skip] == ["#content"]
    assert page.xpath("//main/@id") == ["content"]
    assert [heading.text.strip() for heading in page.xpath("//h1")] == ["H"]


def test_sidebar_shows_sections_and_marks_the_page() -> None:
    item = SimpleNamespace(
        label="Quiz",
        url="/app/quiz/",
        icon="list-checks",
        badge="2",
        current=True,
        testid="nav-quiz",
    )
    shell = SimpleNamespace(
        space=SimpleNamespace(name="Campus Atlas", logo_url="", home_url="/app/"),
        sections=[SimpleNamespace(label="Learn", items=[item])],
        person=SimpleNamespace(
            name="Maud Leroy", initials="ML", role="Trainer", profile_url="/app/profile/"
        ),
        notifications=SimpleNamespace(url="/n/", count=120),
    )
    page = draw('{% extends "portal/app.html" %}', shell=shell)
    link = page.xpath("//a[@data-testid='nav-quiz']")[0]
    assert (link.get("aria-current"), link.get("href")) == ("page", "/app/quiz/")
    assert link.xpath("string(.//span[@class='nav-badge'])") == "2"
    assert (
        page.xpath("string(//a[@data-testid='notifications']//span[@class='sr-only'])")
        == "Notifications: 120 unread"
    )
    assert page.xpath("//span[@class='person-lines']/span/text()") == ["Maud Leroy", "Trainer"]


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("400", "Cette demande n’a pas pu être comprise"),
        ("403", "Vous n’avez pas accès à cette page"),
        ("404", "Cette page n’existe pas"),
        ("500", "Un problème est survenu de notre côté"),
        ("503", "Maintenance en cours"),
        ("csrf", "Ce formulaire a expiré"),
        ("suspended", "Espace suspendu"),
        ("activate_module", f"Le module «{NARROW}Quiz{NARROW}» n’est pas actif dans cet espace"),
    ],
)
def test_error_pages_speak_french_without_a_space(name: str, heading: str) -> None:
    page = draw(f'{{% extends "portal/errors/{name}.html" %}}', "fr", module={"name": "Quiz"})
    assert [one.text_content().strip() for one in page.xpath("//h1")] == [heading]


def test_style_guide_shows_every_component() -> None:
    page = draw('{% extends "portal/pages/styleguide.html" %}', "fr")
    assert page.xpath("//h1/text()") == ["Guide de style"]
    assert len(page.xpath("//div[contains(@class,'kpi ') or @class='card kpi']")) == 4
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
