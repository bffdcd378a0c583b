"""Protocol peers from npm, run as real servers beside the tests."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.stack import free_port

FOLDER = Path(__file__).resolve().parents[1] / "peers"
READY_SECONDS = 30


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    lock = (FOLDER / "package-lock.json").read_bytes()
    return Path(base) / "tremplin" / "peers" / hashlib.sha256(lock).hexdigest()[:16]


def installed() -> Path:
    """Return the folder that holds the peers, installed once per lock file.

    Skips the test where Node.js, npm or the registry is missing, and names what is.
    """
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"protocol peers need {' and '.join(missing)}, not found here")
    target = _cache()
    if not (target / "node_modules").is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(dir=target.parent))
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(FOLDER / name, building / name)
        done = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund"],
            cwd=building,
            capture_output=True,
            text=True,
            timeout=300,
        )
        if done.returncode:
            shutil.rmtree(building, ignore_errors=True)
            pytest.skip(f"npm could not install the protocol peers: {done.stderr[-300:]}")
        with contextlib.suppress(OSError):  # another process was faster
            building.rename(target)
        shutil.rmtree(building, ignore_errors=True)
    return target


@dataclass(frozen=True)
class OpenIdPeer:
    """A running OpenID provider: its issuer, and who signs in there."""

    port: int
    issuer: str
    client_id: str
    secret: str

    def person(self, sub: str, **claims: Any) -> None:
        """Choose who is signed in at the provider from now on."""
        url = f"http://127.0.0.1:{self.port}/_person"
        requests.post(url, json={"sub": sub, **claims}, timeout=5).raise_for_status()

    def seen(self) -> list[str]:
        """Return the addresses that were asked of the provider."""
        found = requests.get(f"http://127.0.0.1:{self.port}/_seen", timeout=5).json()
        return list(found)


@contextlib.contextmanager
def openid_peer(redirect_uris: list[str]) -> Iterator[OpenIdPeer]:
    """Run ``oidc-provider`` with one confidential client for the length of the block."""
    folder = installed()
    port = free_port()
    peer = OpenIdPeer(port, f"http://idp.localhost:{port}", "tremplin", "s" * 40)
    client = {
        "client_id": peer.client_id,
        "client_secret": peer.secret,
        "redirect_uris": redirect_uris,
        "token_endpoint_auth_method": "client_secret_post",
    }
    script = folder / f"openid-{port}.mjs"  # beside the packages that it imports
    shutil.copy(FOLDER / "openid.mjs", script)
    child = subprocess.Popen(
        [shutil.which("node") or "node", str(script), str(port), peer.issuer],
        cwd=folder,
        env={**os.environ, "PEER_CLIENTS": json.dumps([client]), "NODE_ENV": "test"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        limit = time.monotonic() + READY_SECONDS
        while True:
            if child.poll() is not None:
                raise RuntimeError(f"the peer ended: {child.communicate()[1][-1000:]}")
            with contextlib.suppress(requests.RequestException):
                requests.get(f"http://127.0.0.1:{port}/_seen", timeout=1)
                break
            if time.monotonic() > limit:
                raise RuntimeError("the peer is not ready")
            time.sleep(0.05)
        yield peer
    finally:
        child.terminate()
        child.communicate(timeout=10)
        script.unlink()
