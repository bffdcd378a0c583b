"""A visitor without a browser: cookies, forms, redirects, one host at a time."""

from __future__ import annotations

import http.client
import secrets
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urlsplit

TIMEOUT_SECONDS = 30
MAX_REDIRECTS = 6
Upload = tuple[str, str, bytes]


class WalkError(AssertionError):
    """The demo did not answer as the journey says."""


@dataclass(slots=True)
class Form:
    """A form of a page: where it goes and what it already holds."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    testids: set[str] = field(default_factory=set)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.open: Form | None = None
        self.select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.open = Form(given.get("action", ""))
            self.forms.append(self.open)
        if self.open is None:
            return
        if testid := given.get("data-testid"):
            self.open.testids.add(testid)
        name = given.get("name", "")
        if tag == "input" and name:
            self._input(self.open, name, given)
        elif tag == "textarea" and name:
            self.open.fields.setdefault(name, "")
        elif tag == "select" and name:
            self.select = name
        elif tag == "option" and self.select:
            if "selected" in given or self.select not in self.open.fields:
                self.open.fields[self.select] = given.get("value", "")

    @staticmethod
    def _input(form: Form, name: str, given: dict[str, str]) -> None:
        kind = given.get("type", "text")
        if kind in {"checkbox", "radio"} and "checked" not in given:
            return
        if kind not in {"file", "submit", "button"}:
            form.fields[name] = given.get("value", "on" if kind == "checkbox" else "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.open = None
        elif tag == "select":
            self.select = ""


class _Marked(HTMLParser):
    """The first element that carries a test id: its address, its text."""

    def __init__(self, testid: str) -> None:
        super().__init__()
        self.testid = testid
        self.is_found = False
        self.target = ""
        self.text = ""
        self.open = ""
        self.depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if not self.is_found and given.get("data-testid") == self.testid:
            self.is_found, self.target = True, given.get("href") or ""
            self.open, self.depth = tag, 1
        elif self.depth and tag == self.open:
            self.depth += 1

    def handle_endtag(self, tag: str) -> None:
        if self.depth and tag == self.open:
            self.depth -= 1

    def handle_data(self, data: str) -> None:
        if self.depth:
            self.text += data


@dataclass(frozen=True, slots=True)
class Page:
    """An answer of the demo."""

    status: int
    path: str
    location: str
    text: str

    def form(self, testid: str) -> Form:
        """Return the form that holds the element ``testid``."""
        parser = _Forms()
        parser.feed(self.text)
        for form in parser.forms:
            if testid in form.testids:
                return Form(form.action or self.path, dict(form.fields), form.testids)
        raise WalkError(f"no form holds {testid!r} on {self.path} (status {self.status})")

    def link(self, testid: str) -> str:
        """Return where the link ``testid`` leads."""
        found = self._marked(testid)
        if not found.target:
            raise WalkError(f"no link {testid!r} on {self.path} (status {self.status})")
        return found.target

    def words(self, testid: str) -> str:
        """Return the text of the element ``testid``, with plain spaces."""
        return " ".join(self._marked(testid).text.split())

    def _marked(self, testid: str) -> _Marked:
        parser = _Marked(testid)
        parser.feed(self.text)
        if not parser.is_found:
            raise WalkError(f"no element {testid!r} on {self.path} (status {self.status})")
        return parser

    def expect_path(self, path: str) -> Page:
        """Return the page itself when it stands at ``path``."""
        if urlsplit(self.path).path != path:
            raise WalkError(f"arrived at {self.path} instead of {path}")
        return self


def _multipart(fields: dict[str, str], files: dict[str, Upload]) -> tuple[bytes, str]:
    boundary = secrets.token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for name, (filename, mime, content) in files.items():
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; '
            f'filename="{filename}"\r\nContent-Type: {mime}\r\n\r\n'
        )
        parts.append(head.encode() + content + b"\r\n")
    parts.append(f"--{boundary}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"


class Visitor:
    """Keeps the cookies of one host and follows its redirects."""

    def __init__(self, base_url: str, host: str, cookies: dict[str, str] | None = None) -> None:
        self.address = urlsplit(base_url)
        self.host = host
        self.cookies = dict(cookies or {})
        self.page = Page(0, "", "", "")

    def elsewhere(self, host: str) -> Visitor:
        """Return a visitor of another host that presents the same cookies."""
        return Visitor(self.address.geturl(), host, self.cookies)

    def _send(
        self, method: str, path: str, body: bytes | None = None, content_type: str = ""
    ) -> Page:
        connection = http.client.HTTPConnection(
            self.address.hostname or "127.0.0.1", self.address.port, timeout=TIMEOUT_SECONDS
        )
        port = f":{self.address.port}" if self.address.port else ""
        headers = {
            "Host": f"{self.host}{port}",
            "Accept-Language": "fr",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        }
        if body is not None:
            headers |= {
                "Content-Type": content_type,
                "Origin": f"http://{self.host}{port}",
                "Referer": f"http://{self.host}{port}{path}",
            }
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name.strip()] = value.strip().strip('"')
        text = content.decode("utf-8", "replace")
        return Page(answer.status, path, answer.headers.get("Location", ""), text)

    def _settle(self, page: Page, expect: int) -> Page:
        for _ in range(MAX_REDIRECTS):
            if page.status not in {301, 302, 303} or expect == page.status:
                break
            target = urlsplit(page.location)
            if target.hostname and target.hostname != self.host:
                self.host, self.cookies = target.hostname, {}
            page = self._send("GET", target.path + (f"?{target.query}" if target.query else ""))
        self.page = page
        if page.status != expect:
            raise WalkError(f"{page.path} on {self.host} answered {page.status}, not {expect}")
        return page

    def get(self, path: str, *, expect: int = 200) -> Page:
        """Open ``path`` and follow redirects, unless a redirect is what is expected."""
        return self._settle(self._send("GET", path), expect)

    def follow(self, url: str) -> Visitor:
        """Open a full address, on whatever host it is, and return the visitor."""
        parts = urlsplit(url)
        if parts.hostname and parts.hostname != self.host:
            self.host, self.cookies = parts.hostname, {}
        self.get(parts.path)
        return self

    def submit(
        self,
        form: Form,
        *,
        action: str = "",
        expect: int = 200,
        files: dict[str, Upload] | None = None,
        repeated: dict[str, list[str]] | None = None,
        **values: str,
    ) -> Page:
        """Send a form with ``values`` over what it holds; ``repeated`` fields come several times."""
        fields = {**form.fields, **values}
        if files:
            body, content_type = _multipart(fields, files)
        else:
            sent = {**fields, **(repeated or {})}
            body = urlencode(sent, doseq=True).encode()
            content_type = "application/x-www-form-urlencoded"
        page = self._send("POST", action or form.action, body, content_type)
        return self._settle(page, expect)

    def sign_in(self, email: str, password: str) -> None:
        """Sign in with an e-mail and a password."""
        form = self.get("/accounts/login/").form(testid="login-submit")
        self.submit(form, login=email, password=password)
        if self.page.path.startswith("/accounts/login"):
            raise WalkError(f"{email} cannot sign in on {self.host}")
