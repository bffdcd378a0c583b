"""Rules about a module's templates, translations and assets; no database."""

from __future__ import annotations

import ast
import gettext
import re
from pathlib import Path

from tremplin.testing.contract.subjects import folder_of, sources_of, subject
from tremplin.testing.contract.template_lint import lint

GETTEXT_CALLS = frozenset(
    {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy"}
)
TRANSLATED = re.compile(r"""{%\s*(?:trans|translate)\s+(?P<quote>["'])(?P<text>.*?)(?P=quote)""")
BLOCK = re.compile(
    r"{%\s*(?:blocktrans|blocktranslate)(?P<options>[^%]*)%}(?P<body>.*?)"
    r"{%\s*end(?:blocktrans|blocktranslate)\s*%}",
    re.DOTALL,
)
IN_ARGUMENT = re.compile(r"""_\((?P<quote>["'])(?P<text>.*?)(?P=quote)\)""")
EXTERNAL = re.compile(
    r"""(?:src|href|action|srcset)\s*=\s*["']\s*(?:https?:)?//|url\(\s*["']?(?:https?:)?//"""
    r"""|import\s+[^;]*["']https?://""",
    re.IGNORECASE,
)


def test_rule_17_templates(contract_slug: str) -> None:
    """Rule 17: well-formed HTML, nothing inline, nothing untranslated, under the module's name."""
    folder = folder_of(subject(contract_slug))
    templates = sources_of(folder / "templates", ".html", ".txt")
    problems = []
    for path in templates:
        inner = path.relative_to(folder / "templates")
        own = inner.parts[0] == contract_slug or inner.parts[:2] == ("cotton", contract_slug)
        if not own:
            problems.append(f"{inner}: outside templates/{contract_slug}/")
        if path.suffix == ".html":
            problems += [f"{inner}: {text}" for text in lint(path.read_text(encoding="utf-8"))]
    assert problems == []


def test_rule_17_catalogue_is_complete(contract_slug: str) -> None:
    """Rule 17: every string of the sources is in the compiled French catalogue, translated."""
    folder = folder_of(subject(contract_slug))
    wanted = strings_of(folder)
    if not wanted:
        return
    compiled = folder / "locale" / "fr" / "LC_MESSAGES" / "django.mo"
    assert compiled.is_file(), "locale/fr/LC_MESSAGES/django.mo is missing"
    with compiled.open("rb") as handle:
        catalogue = gettext.GNUTranslations(handle)._catalog  # type: ignore[attr-defined]
    have = {key[0] if isinstance(key, tuple) else key for key, text in catalogue.items() if text}
    have |= {key.split("\x04", 1)[-1] for key in have if isinstance(key, str)}
    missing = sorted(f"{path}: {text!r}" for text, path in wanted.items() if text not in have)
    assert missing == []


def strings_of(folder: Path) -> dict[str, str]:
    """Return each translatable string of a folder with one file that holds it."""
    found: dict[str, str] = {}
    for path in sources_of(folder, ".py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name not in GETTEXT_CALLS:
                continue
            index = 1 if name.startswith("pgettext") else 0
            text = node.args[index] if len(node.args) > index else None
            if isinstance(text, ast.Constant) and isinstance(text.value, str) and text.value:
                found.setdefault(text.value, str(path.relative_to(folder)))
    for path in sources_of(folder, ".html", ".txt"):
        source = path.read_text(encoding="utf-8")
        for match in [*TRANSLATED.finditer(source), *IN_ARGUMENT.finditer(source)]:
            # Django looks a literal up with its percent signs doubled.
            text = match["text"].replace("%", "%%")
            found.setdefault(text, str(path.relative_to(folder)))
        for match in BLOCK.finditer(source):
            text = re.split(r"{%\s*plural\s*%}", match["body"])[0]
            found.setdefault(_message(text, match["options"]), str(path.relative_to(folder)))
    return found


def _message(text: str, options: str) -> str:
    """Return the msgid Django makes of a block: variables named, lines joined when trimmed."""
    named = re.sub(r"{{\s*(\w+)\s*}}", r"%(\1)s", text.replace("%", "%%"))
    if "trimmed" in options.split():
        return " ".join(line.strip() for line in named.strip().splitlines())
    return named


def test_rule_18_assets(contract_slug: str) -> None:
    """Rule 18: assets under ``static/<slug>/``, and no address outside the space."""
    folder = folder_of(subject(contract_slug))
    static = folder / "static"
    strays = [
        str(path.relative_to(static))
        for path in static.rglob("*")
        if path.is_file() and path.relative_to(static).parts[0] != contract_slug
    ]
    assert strays == []
    external = [
        f"{path.relative_to(folder)}: {match[0]}"
        for path in sources_of(folder, ".html", ".css", ".js")
        for match in EXTERNAL.finditer(path.read_text(encoding="utf-8"))
    ]
    assert external == []
