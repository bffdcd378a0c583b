"""The networks from which a space may be reached: what is in force, read without a query.

A new list is first on trial: it acts at once and ends by itself after ten minutes. Nothing has to
run for that, because the list in force is a function of the clock.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from django.utils.translation import gettext as _
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tremplin.identity.errors import IdentityError
from tremplin.identity.identity_settings import IdentitySettings, Network
from tremplin.kernel import addresses, clock, settings_store
from tremplin.kernel.current import CurrentTenant, tenant_required
from tremplin.kernel.versioned import EpochCache

Reach = Literal["everything", "console"]
LARGEST = 200
TRIAL_MODULE = "identity.networks"
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
# What a refused visitor still needs to read the refusal in the colours of the space, and what a
# machine asks that belongs to no person.
ALWAYS_OPEN = ("/static/", "/brand/", "/theme/", "/preferences/", "/.well-known/tremplin-domain/")
CONSOLE = ("/console/", "/api/", "/scim/", "/_allauth/", "/reseller/", "/platform/")


class NetworkTrial(BaseModel):
    """The list that an administrator tries, and until when; ``until`` empty: no trial."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    tremplin_module: ClassVar[str] = TRIAL_MODULE

    networks: tuple[Network, ...] = Field((), max_length=LARGEST)
    apply_to: Reach = "everything"
    until: AwareDatetime | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """Networks in canonical CIDR form and what they bound; no network: no bound."""

    networks: tuple[str, ...] = ()
    apply_to: Reach = "everything"

    def allow(self, address: str) -> bool:
        """Tell whether ``address`` is within the list; an unknown one is not."""
        return not self.networks or addresses.within(address, self.networks)

    def bound(self, path: str) -> bool:
        """Tell whether the list bounds ``path`` of the space."""
        if not self.networks or path.startswith(ALWAYS_OPEN):
            return False
        return self.apply_to == "everything" or path.startswith(CONSOLE)


@dataclass(frozen=True, slots=True)
class State:
    """What is stored: the confirmed list and the one on trial, if any."""

    confirmed: Rules
    trial: Rules | None = None
    until: datetime | None = None

    def trial_runs(self, now: datetime) -> bool:
        """Tell whether a list is on trial at ``now``."""
        return self.trial is not None and self.until is not None and now < self.until

    def in_force(self, now: datetime) -> Rules:
        """Return the list that acts at ``now``."""
        if self.trial is not None and self.trial_runs(now):
            return self.trial
        return self.confirmed


_states: EpochCache[State] = settings_store.cache_of_settings()


def state(tenant: CurrentTenant | None = None) -> State:
    """Return the lists of the current space; no query once this process has read them."""
    chosen = tenant or tenant_required()

    def read() -> State:
        kept = settings_store.effective(IdentitySettings, chosen, "identity")
        trial = settings_store.effective(NetworkTrial, chosen, TRIAL_MODULE)
        confirmed = Rules(kept.allowed_networks, kept.networks_apply_to)
        if trial.until is None:
            return State(confirmed)
        return State(confirmed, Rules(trial.networks, trial.apply_to), trial.until)

    return _states.get(chosen.pk, read)


def in_force() -> Rules:
    """Return the list that acts now in the current space."""
    found = state()
    # The clock of a demo is a row: it is asked only while something depends on it.
    return found.confirmed if found.trial is None else found.in_force(clock.now())


def canonical(text: str) -> str:
    """Return ``text`` as CIDR (``192.0.2.7`` gives ``192.0.2.7/32``). Raises ``IdentityError``."""
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise IdentityError(
            "bad_network",
            _(
                "“%(text)s” is not a network: give an address such as 192.0.2.7, or a range such "
                "as 192.0.2.0/24 or 2001:db8::/32."
            )
            % {"text": text.strip()[:60]},
        ) from None
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        base = network.network_address.ipv4_mapped
        network = ipaddress.ip_network(f"{base}/{network.prefixlen - 96}")
    if network.prefixlen == 0:
        raise IdentityError(
            "every_network",
            _("%(text)s is every address there is. To let everyone in, remove all the ranges.")
            % {"text": network},
        )
    return str(network)
