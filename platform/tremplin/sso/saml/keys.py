"""The key pairs with which the space signs its requests and opens what is encrypted for it.

The next pair is published beside the current one until the identity providers know both; then it
takes over. What is encrypted for either opens, so no sign-in fails in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tremplin.kernel.current import tenant_required
from tremplin.sso.errors import SsoError
from tremplin.sso.models import ServiceKey
from tremplin.sso.services import open_sealed, seal

BITS = 3072
LIFE = timedelta(days=3 * 365)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate (PEM) and its private key (PEM), in clear for the length of a request."""

    certificate: str
    private_key: str


def body(certificate: str) -> str:
    """Return the base64 of a PEM certificate on one line, as metadata holds it."""
    return "".join(line for line in certificate.splitlines() if not line.startswith("-----"))


def fingerprint(certificate: str) -> str:
    """Return the SHA-256 fingerprint of a PEM certificate, as pairs of digits."""
    digest = x509.load_pem_x509_certificate(certificate.encode()).fingerprint(hashes.SHA256())
    return digest.hex(":").upper()


def make(common_name: str, now: datetime) -> Pair:
    """Return a new RSA pair with a certificate that it signs itself."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + LIFE)
        .sign(key, hashes.SHA256())
    )
    return Pair(
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
    )


def _store(state: str) -> ServiceKey:
    now = timezone.now()
    tenant = tenant_required()
    pair = make(getattr(tenant, "primary_host", "") or "tremplin", now)
    return ServiceKey.objects.create(
        state=state,
        certificate=pair.certificate,
        private_key=seal(pair.private_key),
        created_at=now,
        expires_at=now + LIFE,
    )


def _audit(kind: str, key: ServiceKey) -> None:
    from tremplin.api import services

    services.audit().record(
        kind, target=f"service_key:{key.pk}", data={"fingerprint": fingerprint(key.certificate)}
    )


def published() -> dict[str, ServiceKey]:
    """Return the pairs that providers may know, by state."""
    return {key.state: key for key in ServiceKey.objects.exclude(state=ServiceKey.State.RETIRED)}


@transaction.atomic
def ensure_current() -> ServiceKey:
    """Return the current pair, made when the space has none yet."""
    found = ServiceKey.objects.filter(state=ServiceKey.State.CURRENT).first()
    return found if found is not None else _store(ServiceKey.State.CURRENT)


@transaction.atomic
def prepare_next() -> ServiceKey:
    """Make the pair that will take over and publish it. Raises ``SsoError`` ``key_pending``."""
    ensure_current()
    if ServiceKey.objects.select_for_update().filter(state=ServiceKey.State.NEXT).exists():
        raise SsoError("key_pending", _("A new key is prepared already."))
    key = _store(ServiceKey.State.NEXT)
    _audit("security.sso_key_prepared", key)
    return key


@transaction.atomic
def promote_next() -> ServiceKey:
    """Let the next pair take over; the former one is retired. Raises ``SsoError`` ``no_next_key``.

    The former pair is kept, retired, so that an audit can name it; it neither signs nor opens.
    """
    rows = {key.state: key for key in ServiceKey.objects.select_for_update()}
    following = rows.get(ServiceKey.State.NEXT)
    if following is None:
        raise SsoError("no_next_key", _("Prepare a new key first."))
    ServiceKey.objects.filter(state=ServiceKey.State.CURRENT).update(
        state=ServiceKey.State.RETIRED, private_key=""
    )
    following.state = ServiceKey.State.CURRENT
    following.save(update_fields=["state"])
    _audit("security.sso_key_promoted", following)
    return following


@transaction.atomic
def drop_next() -> bool:
    """Forget the prepared pair and return whether there was one."""
    key = ServiceKey.objects.filter(state=ServiceKey.State.NEXT).first()
    if key is None:
        return False
    _audit("security.sso_key_dropped", key)
    key.delete()
    return True


def pair_of(key: ServiceKey) -> Pair:
    """Return the pair of ``key`` in clear. Raises ``kernel.crypto.DecryptionError``."""
    return Pair(key.certificate, open_sealed(key.private_key))
