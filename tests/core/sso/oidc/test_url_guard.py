"""Addresses typed by a space lead to the public internet only, small and short."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tremplin.sso import url_guard
from tremplin.sso.url_guard import UrlRefused, fetch, is_public, session


@pytest.fixture
def production(settings: Any) -> None:
    settings.LOCAL_NAMES = False


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("file:///etc/passwd", "not_https"),
        ("ftp://example.org/", "not_https"),
        ("gopher://127.0.0.1/", "not_https"),
        ("http://example.org/", "not_https"),
        ("//example.org/", "not_https"),
        ("example.org", "not_https"),
        ("", "not_https"),
        ("https://", "invalid_url"),
        ("https://[::1/", "invalid_url"),
        ("https://example.org:99999/", "invalid_url"),
        ("https://example.org:22/", "port"),
        ("https://example.org:80/", "port"),
        ("https://user:pass@example.org/", "credentials"),
        ("https://127.0.0.1/", "private_address"),
        ("https://127.1/", "private_address"),
        ("https://2130706433/", "private_address"),
        ("https://0x7f000001/", "private_address"),
        ("https://0177.0.0.1/", "private_address"),
        ("https://0.0.0.0/", "private_address"),
        ("https://10.0.0.1/", "private_address"),
        ("https://172.16.0.1:8443/", "private_address"),
        ("https://192.168.1.1/", "private_address"),
        ("https://169.254.169.254/latest/meta-data/", "private_address"),
        ("https://100.64.0.1/", "private_address"),
        ("https://224.0.0.1/", "private_address"),
        ("https://[::1]/", "private_address"),
        ("https://[::]/", "private_address"),
        ("https://[fe80::1]/", "private_address"),
        ("https://[fd00:ec2::254]/", "private_address"),
        ("https://[::ffff:127.0.0.1]/", "private_address"),
        ("https://[::ffff:7f00:1]/", "private_address"),
        ("https://[64:ff9b::7f00:1]/", "private_address"),
        ("https://[2002:7f00:1::]/", "private_address"),
        ("https://localhost/", "private_address"),
        ("https://a.invalid/", "unknown_host"),
    ],
)
def test_what_is_refused(url: str, code: str, production: None) -> None:
    with pytest.raises(UrlRefused) as refused:
        fetch(url)
    assert refused.value.code == code


def test_names_of_a_demonstration_are_closed_in_production(production: None) -> None:
    for url in ("http://idp.localhost/", "https://idp.localhost/"):
        with pytest.raises(UrlRefused) as refused:
            fetch(url)
        assert refused.value.code in {"not_https", "private_address"}


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::5db8:d822", True),
        ("::ffff:10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("not an address", False),
    ],
)
def test_public_addresses(address: str, expected: bool) -> None:
    assert is_public(address) is expected


def test_a_name_that_changes_its_mind_is_asked_once(
    production: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    connected: list[Any] = []

    def resolve(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        asked.append(host)
        address = "93.184.216.34" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    class Recorder(socket.socket):
        def connect(self, address: Any) -> None:
            connected.append(address)
            raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "socket", Recorder)
    with pytest.raises(UrlRefused) as refused:
        fetch("https://rebinding.example/")
    assert refused.value.code == "unreachable"
    assert asked == ["rebinding.example"]
    assert connected == [("93.184.216.34", 443)]


def test_one_private_address_among_several_is_enough(
    production: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in ("93.184.216.34", "10.0.0.7")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(UrlRefused) as refused:
        fetch("https://both.example/")
    assert refused.value.code == "private_address"


@pytest.fixture
def server() -> Iterator[Callable[[Callable[[Any], None]], str]]:
    """Return ``serve(handler)``: the address of a real server on this machine."""
    running: list[http.server.ThreadingHTTPServer] = []

    def serve(handle: Callable[[Any], None]) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                handle(self)

            def log_message(self, *args: Any) -> None:
                pass

        found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        found.daemon_threads = True
        threading.Thread(target=found.serve_forever, daemon=True).start()
        running.append(found)
        return f"http://peer.localhost:{found.server_port}"

    yield serve
    for found in running:
        found.shutdown()
        found.server_close()


def answer(handler: Any, status: int = 200, body: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def test_a_small_answer_is_read(server: Any) -> None:
    assert fetch(server(lambda handler: answer(handler, body=b"hello"))) == b"hello"


def test_exactly_the_limit_is_read_and_one_byte_more_is_not(server: Any) -> None:
    url = server(lambda handler: answer(handler, body=b"x" * 1000))
    assert len(fetch(url, max_bytes=1000)) == 1000
    with pytest.raises(UrlRefused) as refused:
        fetch(url, max_bytes=999)
    assert refused.value.code == "too_big"


def test_an_answer_without_announced_length_is_cut(server: Any) -> None:
    def endless(handler: Any) -> None:
        handler.close_connection = True
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65_536)
        except OSError:
            pass

    with pytest.raises(UrlRefused) as refused:
        fetch(server(endless))
    assert refused.value.code == "too_big"


def test_compression_is_not_asked_for(server: Any) -> None:
    seen: list[str] = []

    def record(handler: Any) -> None:
        seen.append(handler.headers["Accept-Encoding"])
        answer(handler)

    fetch(server(record))
    assert seen == ["identity"]


@pytest.mark.parametrize("part", ["head", "body"])
def test_one_byte_at_a_time_is_cut_at_the_deadline(part: str, server: Any) -> None:
    stop = threading.Event()

    def drip(handler: Any) -> None:
        handler.close_connection = True
        if part == "body":
            handler.send_response(200)
            handler.end_headers()
        try:
            while not stop.wait(0.05):
                handler.wfile.write(b"x")
                handler.wfile.flush()
        except OSError:
            pass

    started = time.monotonic()
    with pytest.raises(UrlRefused) as refused:
        fetch(server(drip), timeout=0.5)
    stop.set()
    assert refused.value.code == "too_slow"
    assert round(time.monotonic() - started) <= 1


def test_a_silent_server_is_given_up(server: Any) -> None:
    stop = threading.Event()
    with pytest.raises(UrlRefused) as refused:
        fetch(server(lambda handler: stop.wait(3)), timeout=0.3)
    stop.set()
    assert refused.value.code == "too_slow"


@pytest.mark.parametrize(
    "target",
    ["https://example.org/", "http://127.0.0.1/", "file:///etc/passwd", "http://other.localhost/"],
)
def test_a_redirection_elsewhere_is_refused(target: str, server: Any) -> None:
    with pytest.raises(UrlRefused) as refused:
        fetch(server(lambda handler: answer(handler, 302, Location=target)))
    assert refused.value.code == "redirect"


def test_a_redirection_on_the_same_host_is_followed(server: Any) -> None:
    def handle(handler: Any) -> None:
        if handler.path == "/":
            answer(handler, 302, Location="/there")
        else:
            answer(handler, body=handler.path.encode())

    assert fetch(server(handle)) == b"/there"


def test_going_round_in_circles_ends(server: Any) -> None:
    seen: list[str] = []

    def handle(handler: Any) -> None:
        seen.append(handler.path)
        answer(handler, 302, Location="/again")

    with pytest.raises(UrlRefused) as refused:
        fetch(server(handle))
    assert refused.value.code == "redirect"
    assert len(seen) == 1 + url_guard.MAX_REDIRECTS


def test_an_error_is_told(server: Any) -> None:
    with pytest.raises(UrlRefused) as refused:
        fetch(server(lambda handler: answer(handler, 503)))
    assert (refused.value.code, refused.value.message) == (
        "status",
        "The server answers with error 503.",
    )


def test_the_session_ignores_the_proxies_of_the_machine(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    url = server(lambda handler: answer(handler, body=b"direct"))
    with session() as client:
        assert client.get(url).content == b"direct"


def test_the_operators_own_address_may_be_private(server: Any, production: None) -> None:
    url = server(lambda handler: answer(handler, body=b"home"))
    port = url.rpartition(":")[2]
    with session() as client:
        client.trust(f"http://127.0.0.1:{port}/")
        assert client.get(f"http://127.0.0.1:{port}/x").content == b"home"
        with pytest.raises(UrlRefused) as refused:
            client.get(f"http://127.0.0.2:{port}/x")
        assert refused.value.code == "not_https"
