"""Configuration from the environment: ``DATABASE_URL`` and typed ``TREMPLIN_*`` variables."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parents[3]
# Read by the tests alone: with it, the suite of the Stripe provider talks to Stripe's test mode.
TESTS_ONLY = frozenset({"TREMPLIN_STRIPE_TEST_KEY"})
DEMO_MODES = frozenset({"demo", "dev", "test"})


class Environment(BaseSettings):
    """Every setting an operator may choose, with its default and its unit."""

    model_config = SettingsConfigDict(env_prefix="TREMPLIN_", extra="ignore", frozen=True)

    mode: Literal["demo", "dev", "test", "production"] = "production"
    data_dir: Path = Field(
        ROOT / "var", description="Folder of the database, files, mails, secrets"
    )
    secret_key: str = Field(
        "", description="Signing key; made and kept in the data folder outside production"
    )
    encryption_keys: str = Field("", description="Comma-separated Fernet keys, newest first")
    oidc_private_key: str = Field(
        "", description="RSA key (PEM) that signs platform sign-ins; kept like secret_key"
    )
    hq_host: str = Field("tremplin.localhost", description="Host of the operator's own space")
    spaces_domain: str = Field(
        "localhost", description="Domain under which spaces get a sub-domain"
    )
    public_scheme: Literal["http", "https"] = "https"
    public_port: int | None = Field(
        None, description="Port shown in links when not the default one"
    )
    trusted_proxies: str = Field("", description="Comma-separated addresses or networks of proxies")
    broker_url: str = Field("", description="redis:// or amqp://; empty: queues in the database")
    cache_url: str = Field("", description="redis:// of the shared cache; required in production")
    rt_bus: Literal["postgres", "redis", "memory"] = "postgres"
    web_threads: int = Field(4, ge=2, le=64, description="Threads that serve pages")
    db_pool_size: int = Field(8, ge=2, le=64, description="Database connections per process")
    stripe_key: str = Field("", description="Secret key of Stripe; empty: Stripe is idle")
    billing_provider: str = Field(
        "", description="How new customers pay (invoice, stripe); empty: by transfer, or test card"
    )
    stripe_live: bool = Field(False, description="Whether the key is one of the live mode")
    tax_engine: str = Field(
        "", description="Installed tax engine (tremplin.tax.v1); empty: the French rules"
    )
    invoice_transport: str = Field(
        "", description="Installed invoice transport (tremplin.invoice_transport.v1); empty: none"
    )
    email_url: str = Field(
        "", description="smtp://user:password@host:port; empty: files in the data folder"
    )
    email_sender: str = "no-reply@tremplin.example"
    log_format: Literal["json", "text"] = "json"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    trace_hooks: bool = False
    settings_overlay: str = Field(
        "", description="Dotted module merged over the settings (measurements only)"
    )
    extra_plugins: str = Field(
        "", description="Folders scanned for more plugins, separated by the path separator"
    )
    plugins_lock: Path = Field(
        ROOT / "plugins.lock", description="File that names the modules of other publishers"
    )
    plugins_trust: Path = Field(
        ROOT / "plugins.trust", description="File of the public keys of trusted publishers"
    )
    allow_unsigned: bool = Field(
        False, description="Run installed modules that nobody signed; refused in production"
    )
    embedded_dir: Path | None = Field(None, description="Folder of the embedded database server")

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value if value.is_absolute() else (Path.cwd() / value)

    @property
    def demo(self) -> bool:
        """Whether demo pages and plain-http cookies are allowed."""
        return self.mode in DEMO_MODES


def unknown_variables(environ: dict[str, str]) -> list[str]:
    """Return the ``TREMPLIN_*`` names in ``environ`` that no setting reads."""
    known = {f"TREMPLIN_{name.upper()}" for name in Environment.model_fields} | TESTS_ONLY
    return sorted(name for name in environ if name.startswith("TREMPLIN_") and name not in known)


def _random_text() -> str:
    return secrets.token_urlsafe(48)


def kept_secret(data_dir: Path, name: str, make: Callable[[], str] = _random_text) -> str:
    """Return the secret ``name`` of the data folder, made at first use with mode 0600."""
    folder = data_dir / "secrets"
    path = folder / name
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        value = make().strip()
        temporary = folder / f".{name}.{os.getpid()}"
        temporary.touch(mode=0o600)
        temporary.write_text(value, encoding="ascii")
        try:
            os.link(temporary, path)
        except FileExistsError:
            value = path.read_text(encoding="ascii").strip()
        finally:
            temporary.unlink()
        return value


def new_rsa_key() -> str:
    """Return a new RSA key of 2048 bits as PEM text."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode("ascii")


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the environment, read once. Raises ``SystemExit`` on an unknown ``TREMPLIN_*`` name."""
    unknown = unknown_variables(dict(os.environ))
    if unknown:
        raise SystemExit(f"Unknown setting {', '.join(unknown)}: see docs/reference/settings.md.")
    return Environment()
