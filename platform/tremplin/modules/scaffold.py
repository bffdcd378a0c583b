"""Makes a module of its own from ``plugins/_template``, which is real and tested code."""

from __future__ import annotations

import importlib.util
import keyword
import re
import shutil
import subprocess
import sys
import tempfile
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from tremplin.kernel.discovery import RESERVED_SLUGS, ROOT

TEMPLATE = ROOT / "plugins" / "_template"
EXAMPLES = ROOT / "examples"
LONGEST_NAME = 40
LONGEST_SLUG = 31
BINARY = frozenset({".mo"})
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "dist", ".ruff_cache", ".pytest_cache")


class ScaffoldError(Exception):
    """The module cannot be made as asked; the message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Names:
    """Every form of a module's name that the sources hold."""

    title: str
    title_fr: str

    @property
    def slug(self) -> str:
        """``skill_radar``: tables, addresses, rights."""
        plain = unicodedata.normalize("NFKD", self.title).encode("ascii", "ignore").decode()
        return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")

    @property
    def package(self) -> str:
        """``tremplin_skill_radar``: what Python imports."""
        return f"tremplin_{self.slug}"

    @property
    def distribution(self) -> str:
        """``tremplin-skill-radar``: what pip installs."""
        return self.package.replace("_", "-")

    @property
    def class_name(self) -> str:
        """``SkillRadar``."""
        return "".join(part.capitalize() for part in self.slug.split("_"))

    def replacements(self) -> list[tuple[str, str]]:
        """Return what to write in place of the template's names, the longest first."""
        return [
            ("tremplin_sample_module", self.package),
            ("tremplin-sample-module", self.distribution),
            ('fr="Sample module"', f'fr="{self.title_fr}"'),
            ("sample_module", self.slug),
            ("SampleModule", self.class_name),
            ("Sample module", self.title),
        ]


def names_of(title: str, title_fr: str = "") -> Names:
    """Return the names of a module called ``title``. Raises ``ScaffoldError`` for a bad name.

    The name lands in Python, TOML, HTML and file names: letters, digits, spaces, hyphens and
    typographic apostrophes only.
    """
    names = Names(_readable(title), _readable(title_fr or title))
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,30}", names.slug):
        raise ScaffoldError(
            f"“{names.title}” makes the identifier “{names.slug}”: choose a name that starts with "
            f"a Latin letter and makes 2 to {LONGEST_SLUG} letters and digits."
        )
    if names.slug in RESERVED_SLUGS or keyword.iskeyword(names.slug):
        raise ScaffoldError(
            f"“{names.slug}” is a word of the platform: choose another name for the module."
        )
    return names


def _readable(text: str) -> str:
    clean = " ".join(unicodedata.normalize("NFC", text).split(" "))
    if not clean.strip():
        raise ScaffoldError("Give the module a name, as in: startplugin “Skill radar” --dir …")
    if len(clean) > LONGEST_NAME:
        raise ScaffoldError(f"The name is too long: {LONGEST_NAME} characters at most.")
    wrong = next((sign for sign in clean if not (sign.isalnum() or sign in " -’")), None)
    if wrong is not None:
        raise ScaffoldError(
            f"The name holds {ascii(wrong)}: use letters, digits, spaces and hyphens only."
        )
    return clean.strip()


def create(names: Names, folder: Path, *, taken: frozenset[str] = frozenset()) -> list[Path]:
    """Write the module into ``folder`` and return its files, relative and sorted.

    Nothing is overwritten and nothing is left half-written: the files appear together. ``taken``
    are the slugs installed here. Raises ``ScaffoldError``.
    """
    if names.slug in taken:
        raise ScaffoldError(f"A module “{names.slug}” is already installed: choose another name.")
    target = folder.expanduser().absolute()
    _refuse_folder(target)
    working = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        made = working / "module"
        shutil.copytree(TEMPLATE, made, ignore=LEFT_OUT)
        files = _rename(made, names)
        _format(made)
        if target.exists():
            target.rmdir()  # empty, or _refuse_folder would have said so
        made.rename(target)
    except OSError as error:
        raise ScaffoldError(
            f"{target} cannot be written ({error.strerror}): choose another folder."
        ) from error
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return files


def _refuse_folder(target: Path) -> None:
    resolved = target.resolve()
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ScaffoldError(f"{target} is not a folder: nothing was written.")
    if target.is_dir() and any(target.iterdir()):
        raise ScaffoldError(f"{target} is not empty: nothing was written; choose a new folder.")
    if resolved.is_relative_to(ROOT) and not resolved.is_relative_to(EXAMPLES):
        raise ScaffoldError(
            "A module of its own lives outside the platform: choose a folder beside it, "
            "as in --dir ../my-module."
        )
    if not target.parent.is_dir():
        raise ScaffoldError(f"The folder {target.parent} does not exist: create it first.")


def _rename(made: Path, names: Names) -> list[Path]:
    """Put the new names into every file, then into the names of files and folders."""
    pairs = names.replacements()
    for path in sorted(made.rglob("*"), key=lambda item: len(item.parts), reverse=True):
        if path.is_file() and path.suffix not in BINARY:
            text = path.read_text(encoding="utf-8")
            path.write_text(_replaced(text, pairs), encoding="utf-8", newline="\n")
        renamed = _replaced(path.name, pairs)
        if renamed != path.name:
            path.rename(path.with_name(renamed))
    return sorted(path.relative_to(made) for path in made.rglob("*") if path.is_file())


def _format(made: Path) -> None:
    """Wrap the lines that a longer or shorter name changed, when the formatter is installed."""
    if importlib.util.find_spec("ruff") is not None:
        command = [sys.executable, "-m", "ruff", "format", "--isolated", "--no-cache", "-q"]
        command += ["--line-length", "100", str(made)]
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603  our interpreter


def _replaced(text: str, pairs: list[tuple[str, str]]) -> str:
    for former, new in pairs:
        text = text.replace(former, new)
    return text
