"""Without the compiled libraries the product starts, and its page says why SAML is missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
PROGRAM = """
import json, sys
sys.modules[{missing!r}] = None
import django
django.setup()
from django.conf import settings
from django.core.checks import run_checks
from django.urls import Resolver404, resolve, reverse
import tremplin.sso.urls

def is_there(path):
    try:
        resolve(path)
    except Resolver404:
        return False
    return True

print(json.dumps({{
    "available": settings.SAML_AVAILABLE,
    "problem": settings.SAML_PROBLEM,
    "installed": "allauth.socialaccount.providers.saml" in settings.INSTALLED_APPS,
    "protocol": is_there("/accounts/saml/x/acs/"),
    "logout": is_there("/accounts/logout/"),
    "console": reverse("sso_console:saml_new"),
    "errors": [str(found) for found in run_checks() if found.level >= 40],
    "loaded": sorted(name for name in sys.modules if name.startswith("onelogin.saml2.")),
}}))
"""


@pytest.mark.parametrize("missing", ["onelogin", "xmlsec"])
def test_the_product_starts(missing: str, tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TREMPLIN_")}
    found = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, "-c", PROGRAM.format(missing=missing)],
        cwd=ROOT,
        env={
            **kept,
            "DJANGO_SETTINGS_MODULE": "tremplin.config.settings",
            "PYTHONPATH": os.pathsep.join([str(ROOT / "platform"), str(ROOT)]),
            "TREMPLIN_MODE": "test",
            "TREMPLIN_DATA_DIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    answer = json.loads(found.stdout.strip().splitlines()[-1])
    assert missing in answer.pop("problem")
    answer.pop("loaded")
    assert answer == {
        "available": False,
        "installed": False,
        "protocol": False,
        "logout": True,
        "console": "/console/sso/saml/new/",
        "errors": [],
    }
