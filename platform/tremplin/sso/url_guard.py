"""Requests to addresses that a space typed: to the public internet only, small and short.

An identity provider's address is chosen by whoever administers a space. Without this guard it
would make our servers talk to themselves, to a neighbour or to the cloud's metadata service.
A name is resolved once, by the connection itself: what is checked is what is connected to, so a
name that changes its answer in between gains nothing.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from django.conf import settings
from django.utils.translation import gettext as _
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

# What callers name: no other module of single sign-on imports an HTTP library.
RequestException = requests.RequestException
Session = requests.Session
MAX_BYTES = 1_048_576
TIMEOUT = 5.0  # seconds, from the first byte sent to the last one received
PORTS = frozenset({443, 8443})
MAX_REDIRECTS = 3
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_deadline = threading.local()


class UrlRefused(requests.RequestException):  # noqa: N818  reads as the fact it reports
    """Raised when an address may not be read; ``code`` is stable, ``message`` is for people.

    Codes: ``invalid_url``, ``not_https``, ``port``, ``credentials``, ``unknown_host``,
    ``private_address``, ``redirect``, ``too_big``, ``too_slow``, ``unreachable``, ``status``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def _is_local_name(host: str) -> bool:
    """Tell whether ``host`` is this machine by name, which a demonstration may talk to."""
    return settings.LOCAL_NAMES and host.endswith(".localhost")


def check_url(url: str) -> str:
    """Return the host of ``url``, in lower case; nothing is resolved yet. Raises ``UrlRefused``."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise UrlRefused("invalid_url", _("This is not a web address.")) from error
    host = (parts.hostname or "").lower().rstrip(".")
    if parts.scheme == "http" and _is_local_name(host):
        return host
    if parts.scheme != "https":
        raise UrlRefused("not_https", _("The address must start with https://."))
    if not host:
        raise UrlRefused("invalid_url", _("This is not a web address."))
    if parts.username or parts.password:
        raise UrlRefused("credentials", _("The address may not hold a name or a password."))
    if port not in (None, *PORTS) and not _is_local_name(host):
        raise UrlRefused("port", _("The address may only use port 443 or 8443."))
    return host


def is_public(address: str) -> bool:
    """Tell whether an IP address belongs to the public internet, however it is written."""
    try:
        ip = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip.teredo is not None or ip.is_site_local:
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _addresses(host: str, port: int) -> list[tuple[int, Any]]:
    """Resolve ``host`` once and return what may be connected to. Raises ``UrlRefused``."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UrlRefused(
            "unknown_host", _("No server answers to the name “%(host)s”.") % {"host": host[:100]}
        ) from error
    is_trusted = getattr(_deadline, "open_to_all", False) or _is_local_name(host)
    if not is_trusted and not all(is_public(row[4][0]) for row in found):
        raise UrlRefused(
            "private_address",
            _("“%(host)s” is not on the public internet: its address is private.")
            % {"host": host[:100]},
        )
    return [(row[0], row[4]) for row in found]


def _open_socket(host: str, port: int) -> socket.socket:
    problem: OSError | None = None
    for family, address in _addresses(host, port):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(_remaining())
            sock.connect(address)
        except OSError as error:
            sock.close()
            problem = error
            continue
        watch = getattr(_deadline, "watch", None)
        if watch is not None:
            watch.append(os.dup(sock.fileno()))
        return sock
    if isinstance(problem, TimeoutError):
        raise UrlRefused("too_slow", _("The server takes too long to answer.")) from problem
    raise UrlRefused("unreachable", _("The server does not answer.")) from problem


def _remaining() -> float:
    end = getattr(_deadline, "end", None)
    if end is None:
        return TIMEOUT
    left: float = end - time.monotonic()
    if left <= 0:
        raise UrlRefused("too_slow", _("The server takes too long to answer."))
    return left


@contextmanager
def _deadline_of(seconds: float, open_to_all: bool = False) -> Iterator[None]:
    """Cut every connection opened inside once ``seconds`` have passed.

    A socket's own time limit starts again at every byte: a server that sends one byte a second
    would hold a thread for hours.
    """
    watch: list[int] = []

    def cut() -> None:
        for number in watch:
            try:
                with socket.socket(fileno=os.dup(number)) as sock:
                    sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    _deadline.end, _deadline.watch = time.monotonic() + seconds, watch
    _deadline.open_to_all = open_to_all
    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        _deadline.end = _deadline.watch = None
        _deadline.open_to_all = False
        for number in watch:
            os.close(number)


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _open_socket(self._dns_host, self.port)


class _SecureConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _open_socket(self._dns_host, self.port)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    """Checks each address, connects to what was checked and reads no more than allowed."""

    def __init__(self, max_bytes: int, seconds: float, *, open_to_all: bool = False) -> None:
        self.max_bytes, self.seconds, self.open_to_all = max_bytes, seconds, open_to_all
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def send(  # type: ignore[override]
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send one request and read its whole answer. Raises ``UrlRefused``."""
        if not self.open_to_all:
            check_url(request.url or "")
        # Compressed bytes could grow beyond the limit while they are opened.
        request.headers["Accept-Encoding"] = "identity"
        started = time.monotonic()  # before the deadline, so that what it cuts is always too slow
        with _deadline_of(self.seconds, self.open_to_all):
            try:
                response = super().send(
                    request, stream=True, timeout=self.seconds, verify=verify, cert=cert
                )
                self._read(response)
            except UrlRefused:
                raise
            except requests.exceptions.SSLError as error:
                raise UrlRefused(
                    "unreachable", _("The certificate of the server is not valid.")
                ) from error
            except (requests.RequestException, HTTPError, OSError) as error:
                if time.monotonic() - started >= self.seconds:
                    raise UrlRefused(
                        "too_slow", _("The server takes too long to answer.")
                    ) from error
                refused = _cause(error)
                if refused is not None:
                    raise refused from error
                raise UrlRefused("unreachable", _("The server does not answer.")) from error
        return response

    def _read(self, response: requests.Response) -> None:
        announced = response.headers.get("Content-Length", "")
        parts, size = [], 0
        if not (announced.isdigit() and int(announced) > self.max_bytes):
            while chunk := response.raw.read1(65_536):
                size += len(chunk)
                parts.append(chunk)
                if size > self.max_bytes:
                    break
        else:
            size = int(announced)
        response.close()
        if size > self.max_bytes:
            raise UrlRefused("too_big", _("The answer of the server is too big."))
        _remaining()  # a connection that was cut ends like a complete answer
        response._content = b"".join(parts)
        response._content_consumed = True  # type: ignore[attr-defined]


def _cause(error: BaseException | None) -> UrlRefused | None:
    """Return the refusal that libraries wrapped in errors of their own, if any."""
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, UrlRefused):
            return error
        reason = getattr(error, "reason", None)
        first = error.args[0] if error.args else None
        error = next(
            (item for item in (reason, first) if isinstance(item, BaseException)),
            error.__cause__ or error.__context__,
        )
        seen += 1
    return None


class GuardedSession(requests.Session):
    """A session of ``requests`` that only reads the public internet."""

    def __init__(self, max_bytes: int = MAX_BYTES, timeout: float = TIMEOUT) -> None:
        super().__init__()
        self.trust_env = False  # a proxy of the machine would connect in our place, unchecked
        self.max_redirects = MAX_REDIRECTS
        self.adapters.clear()
        adapter = _Adapter(max_bytes, timeout)
        self.mount("https://", adapter)
        self.mount("http://", adapter)
        self._trusted: set[str] = set()
        self._limits = (max_bytes, timeout)

    def trust(self, prefix: str) -> None:
        """Read addresses that start with ``prefix`` (scheme, host and a slash) wherever they lead.

        For addresses of the operator's own configuration, which may stand in a private network.
        """
        self._trusted.add(prefix)
        self.mount(prefix, _Adapter(*self._limits, open_to_all=True))

    def get_adapter(self, url: str) -> Any:
        """Return how ``url`` is read; other schemes than the web's are refused in our words."""
        if not url.startswith(tuple(self._trusted)):
            check_url(url)
        return super().get_adapter(url)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where the answer leads; another host is refused."""
        target = super().get_redirect_target(resp)
        if target is None:
            return None
        absolute = urljoin(resp.url, target)
        if _origin(absolute) != _origin(resp.url):
            raise UrlRefused(
                "redirect",
                _("The server sends us to another one (%(host)s). Give that address instead.")
                % {"host": (urlsplit(absolute).hostname or "?")[:100]},
            )
        return target


def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        default = {"https": 443, "http": 80}.get(parts.scheme)
        return parts.scheme, parts.hostname, parts.port or default
    except ValueError:
        return "", None, None


def session(*, max_bytes: int = MAX_BYTES, timeout: float = TIMEOUT) -> requests.Session:
    """Return a session for addresses typed by a space: same methods as that of ``requests``.

    ``max_bytes`` bounds each answer and ``timeout`` (seconds) each whole exchange. Its methods
    raise ``UrlRefused``, which is a ``requests.RequestException``.
    """
    return GuardedSession(max_bytes, timeout)


def fetch(url: str, *, max_bytes: int = MAX_BYTES, timeout: float = TIMEOUT) -> bytes:
    """Return what ``url`` holds. Raises ``UrlRefused``, also for an answer other than 200."""
    check_url(url)
    with session(max_bytes=max_bytes, timeout=timeout) as client:
        try:
            answer = client.get(url)
        except requests.TooManyRedirects as error:
            raise UrlRefused("redirect", _("The server sends us round in circles.")) from error
        except UrlRefused:
            raise
        except (requests.RequestException, ValueError) as error:
            raise UrlRefused("invalid_url", _("This is not a web address.")) from error
    if answer.status_code != 200:
        raise UrlRefused(
            "status",
            _("The server answers with error %(status)s.") % {"status": answer.status_code},
        )
    return bytes(answer.content)
