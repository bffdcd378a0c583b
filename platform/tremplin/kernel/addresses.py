"""Client addresses and networks, in one canonical form for limits, lists and the audit log."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from django.conf import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse(text: str) -> Address:
    """Return the address that ``text`` names; raise ``ValueError`` when it names none.

    Proxies write an address with its port (``192.0.2.7:443``, ``[2001:db8::1]:443``), with brackets
    or with a zone (``fe80::1%eth0``). An IPv4 address mapped into IPv6 (RFC 4291, ``::ffff:…``) is
    the IPv4 address: the same client must not escape a rule by the kind of its socket.
    """
    host = text.strip()
    port = ""
    if host.startswith("["):
        host, bracket, rest = host[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r} is not an address")
        port = rest[1:] if rest else ""
        if rest == ":":
            raise ValueError(f"{text!r} is not an address")
    elif host.count(":") == 1:
        host, _colon, port = host.partition(":")
        if not port:
            raise ValueError(f"{text!r} is not an address")
    if port and not (port.isascii() and port.isdecimal() and int(port) <= 65535):
        raise ValueError(f"{text!r} is not an address")
    found = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


@lru_cache(maxsize=256)
def networks(items: tuple[str, ...]) -> tuple[Network, ...]:
    """Return the networks that ``items`` name (CIDR); raise ``ValueError`` for anything else."""
    return tuple(ipaddress.ip_network(item, strict=False) for item in items)


def within(address: str, items: Iterable[str]) -> bool:
    """Tell whether ``address`` lies in one of the networks; what is no address lies in none."""
    try:
        found = parse(address)
    except ValueError:
        return False
    return any(
        found in network for network in networks(tuple(items)) if network.version == found.version
    )


def client_address(peer: str, forwarded: str) -> str:
    """Return the address of the client behind trusted proxies, in canonical form.

    Walks ``forwarded`` (``X-Forwarded-For``) from the right while the address is that of a proxy of
    ``TRUSTED_PROXIES``. Raises ``ValueError`` when the peer, or what a trusted proxy forwards, is
    not an address. A server on a local socket gives no peer: the answer is then empty too.
    """
    if not peer:
        return ""
    address = str(parse(peer))
    hops = [item.strip() for item in forwarded.split(",") if item.strip()]
    while hops and is_proxy(address):
        address = str(parse(hops.pop()))
    return address


def is_proxy(address: str) -> bool:
    """Tell whether ``address`` is that of a trusted proxy."""
    return within(address, settings.TRUSTED_PROXIES)
