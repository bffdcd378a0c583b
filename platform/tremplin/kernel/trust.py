"""Which modules of other distributions may run here: the lock file, signatures, trusted keys.

``settings.py`` asks before a module is imported, so nothing here imports Django. A signed manifest
is the JSON of a wheel's name, version, SHA-256 and of the SHA-256 of each of its files, signed with
Ed25519 (RFC 8032). An installed module is compared file by file with its manifest.
"""

from __future__ import annotations

import base64
import hashlib
import json
import tomllib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import Parser
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path, PurePosixPath
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

GROUP = "tremplin.plugins.v1"
FORMAT = "tremplin-module-manifest"
LARGEST_WHEEL = 50 * 1024 * 1024
# Written by the installer, so they differ from one machine to the next.
NOT_SIGNED = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})


class TrustError(Exception):
    """A wheel, a manifest, a key or the lock cannot be used; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Locked:
    """One module of ``plugins.lock``."""

    name: str
    version: str
    sha256: str
    key: str
    signature: str
    manifest: str

    def content(self) -> dict[str, Any]:
        """Return the manifest that was signed. Raises ``TrustError`` when it is not one."""
        return parse_manifest(self.manifest)


@dataclass(frozen=True, slots=True)
class Key:
    """A publisher whose signature counts."""

    id: str
    publisher: str
    public: Ed25519PublicKey


@dataclass(slots=True)
class Policy:
    """The rule of one installation. ``unsigned`` lets anything installed run (never production)."""

    lock: Path
    keys: Path
    unsigned: bool = False
    production: bool = True
    _read: tuple[dict[str, Locked], dict[str, Key]] | None = field(default=None, repr=False)

    def problem_of(self, point: EntryPoint) -> str:
        """Return why the module behind an entry point may not run, or an empty text."""
        if self.unsigned and not self.production:
            return ""
        if point.dist is None:
            return "no installed distribution owns it"
        try:
            lock, keys = self._files()
        except TrustError as error:
            return str(error)
        return installed_problem(point.dist, lock, keys)

    def problem_of_folder(self) -> str:
        """Return why a module that lies in a folder may not run, or an empty text."""
        return "is not signed: in production a module is installed and locked" * self.production

    def _files(self) -> tuple[dict[str, Locked], dict[str, Key]]:
        if self._read is None:
            self._read = (read_lock(self.lock), read_keys(self.keys))
        return self._read


# --- wheels and manifests ------------------------------------------------------------------------


def canonical(name: str) -> str:
    """Return a distribution's name in one spelling (PEP 503)."""
    return name.replace("_", "-").replace(".", "-").lower()


def describe(wheel: Path) -> dict[str, Any]:
    """Return the manifest of a wheel, not signed yet. Raises ``TrustError``."""
    try:
        if wheel.stat().st_size > LARGEST_WHEEL:
            raise TrustError(f"{wheel.name} is larger than 50 MB.")
        data = wheel.read_bytes()
        with zipfile.ZipFile(wheel) as archive:
            files = _files_of(archive)
            info = next(
                (name for name in sorted(files) if name.endswith(".dist-info/METADATA")), ""
            )
            metadata = Parser().parsestr(archive.read(info).decode()) if info else None
            points = info.removesuffix("METADATA") + "entry_points.txt"
            plugin = archive.read(points).decode() if points in files else ""
    except (OSError, zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise TrustError(f"{wheel.name} is not a wheel that can be read.") from error
    if metadata is None or not metadata["Name"] or not metadata["Version"]:
        raise TrustError(f"{wheel.name} is not a wheel: it holds no METADATA.")
    if f"[{GROUP}]" not in plugin:
        raise TrustError(f"{wheel.name} holds no module: it names no entry point of {GROUP}.")
    signed = {name: digest for name, digest in files.items() if not _is_installers(name)}
    return {
        "format": FORMAT,
        "version": 1,
        "name": canonical(metadata["Name"]),
        "release": metadata["Version"],
        "sha256": hashlib.sha256(data).hexdigest(),
        "files": signed,
    }


def _files_of(archive: zipfile.ZipFile) -> dict[str, str]:
    found: dict[str, str] = {}
    for member in archive.infolist():
        parts = PurePosixPath(member.filename).parts
        if member.filename.startswith("/") or "\\" in member.filename or ".." in parts:
            raise TrustError(f"The wheel holds an unsafe path: {ascii(member.filename)}.")
        if member.filename in found:
            raise TrustError(f"The wheel holds {member.filename} twice.")
        if parts[0].endswith(".data"):
            raise TrustError("The wheel installs files outside its package, which no module may.")
        if not member.is_dir():
            found[member.filename] = hashlib.sha256(archive.read(member)).hexdigest()
    return dict(sorted(found.items()))


def _is_installers(name: str) -> bool:
    folder, _, last = name.rpartition("/")
    return folder.endswith(".dist-info") and last in NOT_SIGNED


def text_of(manifest: Mapping[str, Any]) -> str:
    """Return the one text of a manifest that is signed."""
    return json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def parse_manifest(text: str) -> dict[str, Any]:
    """Read a manifest. Raises ``TrustError`` when the text is not one."""
    try:
        found = json.loads(text)
        shaped = (
            found["format"] == FORMAT
            and found["version"] == 1
            and all(isinstance(found[name], str) for name in ("name", "release", "sha256"))
            and all(isinstance(value, str) for value in found["files"].values())
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        shaped = False
    if not shaped:
        raise TrustError("The manifest of the module cannot be read: sign the wheel again.")
    return dict(found)


# --- keys and signatures -------------------------------------------------------------------------


def new_key(path: Path) -> Ed25519PrivateKey:
    """Write a new private key (PEM, mode 0600). Raises ``TrustError`` when the file exists."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(pem)
    except FileExistsError:
        raise TrustError(f"{path} exists: a key is never overwritten.") from None
    except OSError as error:
        raise TrustError(f"{path} cannot be written ({error.strerror}).") from error
    return key


def private_key(path: Path) -> Ed25519PrivateKey:
    """Read a private key. Raises ``TrustError``."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise TrustError(f"{path} is not a private key that can be read.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise TrustError(f"{path} is not an Ed25519 key.")
    return key


def public_text(public: Ed25519PublicKey) -> str:
    """Return a public key as base64 of its 32 bytes."""
    return base64.b64encode(public.public_bytes_raw()).decode("ascii")


def key_id(public: Ed25519PublicKey) -> str:
    """Return the short name of a key: the start of its SHA-256."""
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()[:16]


def sign(manifest: Mapping[str, Any], key: Ed25519PrivateKey) -> Locked:
    """Sign a manifest."""
    text = text_of(manifest)
    return Locked(
        manifest["name"],
        manifest["release"],
        manifest["sha256"],
        key_id(key.public_key()),
        base64.b64encode(key.sign(text.encode())).decode("ascii"),
        text,
    )


def signature_problem(locked: Locked, keys: Mapping[str, Key]) -> str:
    """Return why a signed manifest does not count, or an empty text."""
    key = keys.get(locked.key)
    if key is None:
        return f"is signed by the key {locked.key}, which is not trusted here"
    try:
        key.public.verify(
            base64.b64decode(locked.signature, validate=True), locked.manifest.encode()
        )
        content = locked.content()
    except (InvalidSignature, ValueError):
        return "has a signature that does not match its manifest"
    except TrustError as error:
        return str(error)
    said = (content["name"], content["release"], content["sha256"])
    if said != (locked.name, locked.version, locked.sha256):
        return "has a line in plugins.lock that differs from its signed manifest"
    return ""


def installed_problem(
    dist: Distribution, lock: Mapping[str, Locked], keys: Mapping[str, Key]
) -> str:
    """Return why an installed distribution may not run, or an empty text."""
    name = canonical(dist.metadata["Name"] or "")
    locked = lock.get(name)
    if locked is None:
        return f"{name} is not in plugins.lock: an operator adds it with manage.py plugin lock"
    if dist.version != locked.version:
        return f"{name} {dist.version} is installed, plugins.lock names {locked.version}"
    problem = signature_problem(locked, keys)
    if problem:
        return f"{name} {problem}"
    return _files_problem(dist, locked.content()["files"])


def _files_problem(dist: Distribution, files: Mapping[str, str]) -> str:
    for path, digest in files.items():
        try:
            data = Path(str(dist.locate_file(path))).read_bytes()
        except OSError:
            return f"the file {path} is missing: install the module again"
        if hashlib.sha256(data).hexdigest() != digest:
            return f"the file {path} differs from the signed one: install the module again"
    for package in sorted({path.split("/")[0] for path in files if "/" in path}):
        folder = Path(str(dist.locate_file(package)))
        for source in sorted(folder.rglob("*.py")):
            name = f"{package}/{source.relative_to(folder).as_posix()}"
            if name not in files:
                return f"the file {name} was added after the signature: install the module again"
    return ""


# --- files of the installation -------------------------------------------------------------------


def read_keys(path: Path) -> dict[str, Key]:
    """Read the trusted keys; a file that does not exist trusts nobody. Raises ``TrustError``."""
    found: dict[str, Key] = {}
    for row in _tables(path, "key"):
        try:
            public = Ed25519PublicKey.from_public_bytes(
                base64.b64decode(row["public"], validate=True)
            )
            found[key_id(public)] = Key(key_id(public), str(row["publisher"]), public)
        except (KeyError, TypeError, ValueError) as error:
            raise TrustError(f"{path.name} holds a key that cannot be read.") from error
    return found


def read_lock(path: Path) -> dict[str, Locked]:
    """Read the lock by name; a file that does not exist locks nothing. Raises ``TrustError``."""
    found: dict[str, Locked] = {}
    for row in _tables(path, "module"):
        try:
            locked = Locked(**{name: row[name] for name in Locked.__slots__})
        except KeyError as error:
            raise TrustError(f"{path.name} holds a module without {error}.") from error
        if locked.name in found:
            raise TrustError(f"{path.name} names {locked.name} twice.")
        found[locked.name] = locked
    return found


def _tables(path: Path, name: str) -> list[dict[str, Any]]:
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8")).get(name, [])
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise TrustError(f"{path.name} cannot be read: repair it or write it again.") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TrustError(f"{path.name} cannot be read: repair it or write it again.")
    return rows


def write_lock(path: Path, lock: Mapping[str, Locked]) -> None:
    """Write the lock, sorted by name; the file appears complete or not at all."""
    lines = ["# Modules of other publishers that may run here: manage.py plugin lock writes it."]
    for name in sorted(lock):
        lines += ["", *entry_lines(lock[name])]
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    temporary.replace(path)


def entry_lines(locked: Locked) -> list[str]:
    """Return one module as TOML. Values hold no quote, except the manifest, which is a literal."""
    rows = [(name, getattr(locked, name)) for name in Locked.__slots__]
    return ["[[module]]", *(f"{name} = {_literal(value)}" for name, value in rows)]


def _literal(value: str) -> str:
    return f"'{value}'" if "'" not in value else json.dumps(value)


def sidecar_of(wheel: Path) -> Path:
    """Return where the signed manifest of a wheel lies: beside it."""
    return wheel.with_name(f"{wheel.name}.manifest.toml")


def write_sidecar(wheel: Path, locked: Locked) -> Path:
    """Write the signed manifest beside its wheel and return its path."""
    path = sidecar_of(wheel)
    path.write_text("\n".join(entry_lines(locked)) + "\n", encoding="utf-8")
    return path


def verify_wheel(wheel: Path, keys: Mapping[str, Key]) -> Locked:
    """Return the signed manifest of a wheel once it holds. Raises ``TrustError``."""
    signed = read_lock(sidecar_of(wheel))
    if len(signed) != 1:
        raise TrustError(f"{wheel.name} is not signed: ask its publisher for the manifest.")
    (locked,) = signed.values()
    problem = signature_problem(locked, keys)
    if problem:
        raise TrustError(f"{wheel.name} {problem}.")
    if text_of(describe(wheel)) != locked.manifest:
        raise TrustError(f"{wheel.name} is not the file that was signed.")
    return locked
