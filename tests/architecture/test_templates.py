"""Every template uses the shared vocabulary and stays within the content security policy.

A class that the built style sheets do not hold fails silently in a browser, and an inline style or
handler is refused by it, so both are caught here, in core, themes and plugins alike.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PORTAL = ROOT / "platform" / "tremplin" / "portal"
PACKS = ("vega", "nova", "lyra", "sera")
# Marker classes: they style others (group-hover, peer-checked) and have no rule of their own.
MARKERS = {"group", "peer"}
# Mails carry their styles inline and are never shown by a page.
MAIL_FOLDERS = {"email", "mails", "mail"}

HOLE = "\x00"
_COMMENT = re.compile(r"\{#.*?#\}|\{% comment.*?endcomment %\}|<!--.*?-->", re.DOTALL)
_TAG = re.compile(r"\{%.*?%\}", re.DOTALL)
_VALUE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_CLASS = re.compile(r"(?<![\w:.-])class=(\"|')(.*?)\1", re.DOTALL)
_ICON = re.compile(r"\{%\s*icon\s+\S+\s+\"([^\"]*)\"\s*%\}")
_CSS_CLASS = re.compile(r"\.((?:\\.|[A-Za-z_-])(?:\\.|[\w-])*)")
_COMPONENT = re.compile(
    r"<c-([a-z][\w.-]*)((?:\s+[^\s=<>/]+(?:=(?:\"[^\"]*\"|'[^']*'))?)*)", re.DOTALL
)
_BOUND = re.compile(r"\s:([a-z][\w-]*)=")
_VARS = re.compile(r"<c-vars(.*?)/?>", re.DOTALL)
_VAR_NAME = re.compile(r"(?:^|\s):?([a-z][\w-]*)=")

FORBIDDEN = {
    "inline script": re.compile(r"<script(?![^>]*\bsrc=)[^>]*>", re.IGNORECASE),
    "inline style sheet": re.compile(r"<style\b", re.IGNORECASE),
    "style attribute": re.compile(r"(?<![\w-])style=", re.IGNORECASE),
    "event handler": re.compile(r"\son[a-z]+=", re.IGNORECASE),
    "htmx handler": re.compile(r"\bhx-on\b"),
    "script in hx-vals": re.compile(r"hx-(?:vals|headers)=[\"']\s*js(?:avascript)?:"),
    "filter in hx-trigger": re.compile(r"hx-trigger=[\"'][^\"']*\["),
    "script address": re.compile(r"javascript:", re.IGNORECASE),
    "external address": re.compile(
        r"(?:src|href|action|srcset|poster|data|hx-(?:get|post|put|patch|delete))=[\"'](?:https?:)?//"
    ),
}


def template_files() -> list[Path]:
    """Every HTML template of core, themes and plugins, mails left out."""
    folders = [*ROOT.glob("platform/**/templates"), *ROOT.glob("themes/*/templates")]
    folders += [*ROOT.glob("plugins/*/templates"), *ROOT.glob("plugins/*/*/templates")]
    files = {path for folder in folders for path in folder.rglob("*.html")}
    return sorted(
        path
        for path in files
        if not MAIL_FOLDERS.intersection(path.relative_to(ROOT).parts)
        and "node_modules" not in path.parts
    )


def css_classes(css: str) -> set[str]:
    """Return every class name that a style sheet has a rule for."""
    without_text = re.sub(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'", "", css)
    return {re.sub(r"\\(.)", r"\1", name) for name in _CSS_CLASS.findall(without_text)}


@lru_cache(maxsize=1)
def shared_classes() -> frozenset[str]:
    """Classes that exist in the committed file of every style pack."""
    per_pack = [
        css_classes((PORTAL / "static" / "portal" / f"app.{pack}.css").read_text(encoding="utf-8"))
        for pack in PACKS
    ]
    return frozenset(set.intersection(*per_pack))


@lru_cache(maxsize=1)
def component_vars() -> dict[str, frozenset[str]]:
    """Declared attributes of each component, by its file name."""
    found: dict[str, frozenset[str]] = {}
    folders = [*ROOT.glob("platform/**/templates/cotton"), *ROOT.glob("plugins/*/templates/cotton")]
    for folder in folders:
        for path in folder.rglob("*.html"):
            declared = _VARS.search(path.read_text(encoding="utf-8"))
            names = _VAR_NAME.findall(declared.group(1)) if declared else []
            name = str(path.relative_to(folder).with_suffix("")).replace("/", ".")
            found[name] = frozenset(names)
    return found


def used_classes(text: str) -> set[str]:
    """Return the literal classes of a template; a class completed by a value ends with ``HOLE``."""
    literal = {name for names in _ICON.findall(text) for name in names.split()}
    bare = _VALUE.sub(HOLE, _TAG.sub(" ", _COMMENT.sub("", text)))
    for _quote, names in _CLASS.findall(bare):
        literal.update(names.split())
    return {re.sub(f"{HOLE}.*", HOLE, name) for name in literal if not name.startswith(HOLE)}


def problems(text: str, known: frozenset[str]) -> list[str]:
    """Return what is wrong with a template, one sentence per finding."""
    found = []
    for name in sorted(used_classes(text) - MARKERS):
        if name.endswith(HOLE):
            prefix = name.rstrip(HOLE)
            if not any(one.startswith(prefix) for one in known):
                found.append(f"no class starts with {prefix!r}")
        elif name not in known:
            found.append(f"class {name!r} is not in the built style sheets")
    bare = _COMMENT.sub("", text)
    found += [
        f"{label}: {match.group(0).strip()[:60]}"
        for label, pattern in FORBIDDEN.items()
        for match in pattern.finditer(bare)
    ]
    for name, attributes in _COMPONENT.findall(_TAG.sub(" ", bare)):
        if name in {"vars", "slot"}:
            continue
        file_name = name.replace("-", "_")
        if file_name not in component_vars():
            found.append(f"component <c-{name}> does not exist")
            continue
        for bound in _BOUND.findall(f" {attributes}"):
            if bound.replace("-", "_") not in component_vars()[file_name]:
                found.append(
                    f":{bound} is not an attribute of <c-{name}>: its value is not escaped"
                )
    return found


def plugin_classes(path: Path) -> frozenset[str]:
    """Classes of the style sheets that ship beside a template (a module or theme of its own)."""
    parts = path.relative_to(ROOT).parts
    if parts[0] not in {"plugins", "themes"}:
        return frozenset()
    sheets = (ROOT / parts[0] / parts[1]).rglob("static/**/*.css")
    return frozenset().union(*(css_classes(sheet.read_text(encoding="utf-8")) for sheet in sheets))


@pytest.mark.parametrize("path", template_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_template_keeps_the_rules(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert problems(text, shared_classes() | plugin_classes(path)) == []


def test_every_pack_has_the_same_core_classes() -> None:
    wanted = {"btn", "card", "panel", "kpi", "shell-sidebar", "nav-item", "meter", "prose", "modal"}
    wanted |= {"xl:grid-cols-4", "text-muted-foreground", "bg-primary/10", "line-clamp-3", "gap-16"}
    assert wanted - shared_classes() == set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '<p class="border-t-primary">',
            "class 'border-t-primary' is not in the built style sheets",
        ),
        ('<p class="nothing-{{ x }}">', "no class starts with 'nothing-'"),
        ('{% icon "bell" "size-13" %}', "class 'size-13' is not in the built style sheets"),
        ('<p style="color:red">', "style attribute: style="),
        ("<style>p{}</style>", "inline style sheet: <style"),
        ("<script>x()</script>", "inline script: <script>"),
        ('<p onclick="x()">', "event handler: onclick="),
        ('<p hx-on:click="x()">', "htmx handler: hx-on"),
        ("<p hx-vals='js:{a:1}'>", "script in hx-vals: hx-vals='js:"),
        ('<p hx-trigger="click[x]">', 'filter in hx-trigger: hx-trigger="click['),
        ('<a href="javascript:x()">', "script address: javascript:"),
        ('<img src="https://example.org/a.png">', 'external address: src="https://'),
        ('<img src="//example.org/a.png">', 'external address: src="//'),
        ("<c-nothing />", "component <c-nothing> does not exist"),
        (
            '<c-button :data-name="person.name">x</c-button>',
            ":data-name is not an attribute of <c-button>: its value is not escaped",
        ),
    ],
)
def test_rule_finds(text: str, expected: str) -> None:
    assert problems(text, shared_classes()) == [expected]


def test_allowed_constructs_pass() -> None:
    text = (
        '<c-tabs :items="tabs" class="xl:col-span-2" /><p class="flex {% if a == "b" %}gap-2{% else %}'
        'gap-4{% endif %} chart-c{{ slot }} {{ extra }}" hx-get="{% url "x" %}" data-on="1">'
        '<script src="{% static "a.js" %}" defer></script>{# <style> #}'
    )
    assert problems(text, shared_classes()) == []


def test_committed_files_name_their_licences() -> None:
    static = PORTAL / "static" / "portal"
    fonts = {path.name for path in (static / "fonts").glob("*.woff2")}
    assert len(fonts) == 8
    families = {name.split("-latin")[0] for name in fonts}
    assert {f"LICENSE-{family}.txt" for family in families} == {
        path.name for path in (static / "fonts").glob("LICENSE-*")
    }
    assert (PORTAL / "icons" / "LICENSE").read_text(encoding="utf-8").startswith("ISC License")
    assert (static / "vendor" / "LICENSE-basecoat.md").is_file()
