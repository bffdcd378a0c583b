"""The tools of the contract suite find what they look for, and only that."""

from __future__ import annotations

import ast
from enum import Enum
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import pytest

from tremplin.testing.contract.declared import _import_allowed, dependency_allowed
from tremplin.testing.contract.files import EXTERNAL, strings_of
from tremplin.testing.contract.samples import sample_of
from tremplin.testing.contract.template_lint import lint


@pytest.mark.parametrize(
    ("source", "problems"),
    [
        ("<p>Hello</p>", ["line 1: untranslated text 'Hello'"]),
        ('<p>{% translate "Hello" %}</p>', []),
        ("<p>{% blocktranslate %}Hello <b>you</b>{% endblocktranslate %}</p>", []),
        ('<a onclick="x()">{{ a }}</a>', ["line 1: attribute onclick= on <a>"]),
        ('<a hx-on:click="x()">{{ a }}</a>', ["line 1: attribute hx-on:click= on <a>"]),
        ('<p style="color:red">{{ a }}</p>', ["line 1: attribute style= on <p>"]),
        ("<script>run()</script>", ["line 1: inline <script>"]),
        ('<script src="a.js"></script>', []),
        ("<style>p{}</style>", ["line 1: inline <style>"]),
        ('\n<img src="a.png">', ["line 2: <img> without alt"]),
        ('<img src="a.png" alt="A cat">', ["line 1: untranslated alt='A cat'"]),
        ("</div>", ["line 1: </div> closes nothing"]),
        ('<a href="javascript:x()">{{ a }}</a>', ["line 1: javascript: address on <a>"]),
        ("<p{% if a %} class='b'{% endif %}>{{ x }} · 12 CSV</p>", []),
        ("{# Hello #}{% comment %}Hello{% endcomment %}", []),
        ("<code>Hello</code>", []),
    ],
)
def test_template_rules(source: str, problems: list[str]) -> None:
    assert lint(source) == problems


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("tremplin.api.Manifest", True),
        ("tremplin.api", True),
        ("plugins.quiz.models.Quiz", True),
        ("tremplin.kernel.gate", False),
        ("tremplin.apix", False),
        ("tenants.models", False),
        ("plugins.other.models", False),
        ("django.db.models", True),
        ("django_tenants.utils", False),
        ("allauth.account", False),
        ("lxml.etree", True),
    ],
)
def test_imports_of_a_module(name: str, allowed: bool) -> None:
    assert _import_allowed(name, "plugins.quiz") is allowed


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ('("quiz", "0001_initial")', True),
        ('("quiz", "__latest__")', False),
        ('("contenttypes", "__first__")', True),
        ('("contenttypes", "0002_remove")', False),
        ('("identity", "0001_initial")', False),
        ("migrations.swappable_dependency(settings.AUTH_USER_MODEL)", True),
        ("migrations.swappable_dependency(settings.OTHER)", False),
    ],
)
def test_dependencies_of_a_migration(text: str, allowed: bool) -> None:
    assert dependency_allowed(ast.parse(text, mode="eval").body, "quiz") is allowed


def test_translatable_strings_are_collected(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('x = _("One")\ny = pgettext("ctx", "Two")\nz = other("No")\n')
    (tmp_path / "b.html").write_text(
        '{% translate "Three" %}{% translate "50 %" %}{% blocktranslate trimmed %}\n  Four {{ n }}\n  100%\n'
        "{% endblocktranslate %}<c-x :label='_(\"Five\")' />"
    )
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "c.py").write_text('_("Hidden")')
    assert strings_of(tmp_path) == {
        "One": "a.py",
        "Two": "a.py",
        "Three": "b.html",
        "50 %%": "b.html",
        "Four %(n)s 100%%": "b.html",
        "Five": "b.html",
    }


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int | None, 1),
        (Literal["b", "a"], "b"),
        (tuple[UUID, ...], [UUID(int=1)]),
        (dict[str, int], {"text": 1}),
        (Colour, Colour.RED),
    ],
)
def test_samples(annotation: Any, value: object) -> None:
    assert sample_of(annotation) == value


def test_a_type_without_sample_is_named() -> None:
    with pytest.raises(TypeError, match="no sample of <class 'pathlib.Path'>"):
        sample_of(Path)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('<img src="https://cdn.example/x.png">', True),
        ('<link href="//cdn.example/x.css">', True),
        ("a{background:url(https://x.example/y.png)}", True),
        ('import x from "https://x.example/y.js"', True),
        ('<a href="/app/">', False),
        ("// see https://example.org", False),
        ('xmlns="http://www.w3.org/2000/svg"', False),
    ],
)
def test_external_addresses(text: str, found: bool) -> None:
    assert (EXTERNAL.search(text) is not None) is found
