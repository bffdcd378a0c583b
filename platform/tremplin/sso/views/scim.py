"""The SCIM service of a space, at ``/scim/v2/``."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any

from django.db import DataError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from scim2_models import Error, InvalidValueException, SCIMException
from scim2_server.handler import ScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.service import ScimService

from tremplin.kernel import audit, throttle
from tremplin.kernel.access import guarded
from tremplin.kernel.cache import CacheUnavailable
from tremplin.sso.scim import limits
from tremplin.sso.scim.authentication import Caller, TooManyCalls, authenticate
from tremplin.sso.scim.service import DirectoryService, check_body, check_bulk
from tremplin.sso.scim.storage import DirectoryStorage

logger = logging.getLogger(__name__)
ROOT = "/scim/v2"
# RFC 7644, 4: how to authenticate must be readable before one can.
PUBLIC = frozenset({"ServiceProviderConfig"})
READS = frozenset({"GET", "HEAD", "OPTIONS"})


@csrf_exempt
@guarded(anonymous=True)
def endpoint(request: HttpRequest, path: str = "") -> HttpResponse:
    """Answer one SCIM request. Cookies count for nothing here: only a bearer token opens it."""
    service = DirectoryService()
    caller: Caller | None = None
    try:
        if not (request.method == "GET" and path.strip("/") in PUBLIC):
            caller = authenticate(request)
        response = _serve(service, request, path, caller)
    except (OperationalError, CacheUnavailable) as error:
        # Two requests wanted the same rows in another order, or a server is away: try again.
        logger.warning("A SCIM request gave way to another one: %s", error)
        busy = Error(status=503, detail=_("The service is busy: try again in a moment."))
        response = ScimResponse(
            HTTPStatus.SERVICE_UNAVAILABLE, busy.model_dump(), {"Retry-After": "2"}
        )
    except (DataError, UnicodeEncodeError):
        # A search for what PostgreSQL cannot hold: a NUL, half a character, a number too big.
        response = _failure(service, InvalidValueException())
    except Exception as error:  # noqa: BLE001 - every failure is answered as SCIM, and logged
        response = _failure(service, error)
    if caller is not None:
        _note_refusals(request, path, caller, service, response)
    return _http(response)


def _serve(
    service: DirectoryService, request: HttpRequest, path: str, caller: Caller | None
) -> ScimResponse:
    if len(request.META.get("QUERY_STRING", "")) > limits.MAX_QUERY:
        raise InvalidValueException(
            detail=_("The address of the request is too long: send the search to .search.")
        )
    scim_request = ScimRequest(
        method=request.method or "GET",
        base_url=request.build_absolute_uri(ROOT),
        path=f"/{path}",
        query=request.GET.dict(),
        headers=dict(request.headers),
        subject=caller,
    )
    scim_request.body = _body(service, scim_request, request)
    storage = DirectoryStorage(
        service.provider, for_update=request.method not in READS and not path.endswith(".search")
    )
    # The creator of the key answers for it; the label says that a directory acted.
    actor = caller.creator if caller is not None else None
    with audit.actor(actor, "directory", request.META.get("REMOTE_ADDR", "")):
        return ScimHandler(service, storage).handle(scim_request)


def _body(service: ScimService, scim_request: ScimRequest, request: HttpRequest) -> bytes:
    limit = service.max_body_size(scim_request)
    bound = limits.MAX_BODY if limit is None else limit
    body: bytes = request.read(bound + 1) if request.method not in READS else b""
    if len(body) > bound:
        if bound:
            raise service.payload_too_large(bound)
        return body
    check_body(body)
    if scim_request.path == "/Bulk":
        check_bulk(body)
    return body


def _failure(service: DirectoryService, error: Exception) -> ScimResponse:
    if not isinstance(error, SCIMException):
        logger.error("A SCIM request failed", exc_info=error)
    response = service.error_response(error)
    if isinstance(error, TooManyCalls):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _note_refusals(
    request: HttpRequest,
    path: str,
    caller: Caller,
    service: DirectoryService,
    response: ScimResponse,
) -> None:
    """Keep why writes were refused for the console: codes only, a bounded number per hour."""
    refusals: list[dict[str, Any]] = [
        {"status": error.status, "code": error.scim_type or ""} for error in service.refusals
    ]
    if response.status >= 400 and request.method not in READS and response.status != 429:
        body = response.body or {}
        refusals.append({"status": int(response.status), "code": body.get("scimType", "")})
    for refusal in refusals[:10]:
        slow = throttle.hit(
            "scim-refusals", caller.code, limit=limits.REFUSALS_PER_HOUR, seconds=3600
        )
        if slow is not None:
            return
        data = {
            **refusal,
            "method": request.method,
            "endpoint": path.split("/")[0][:40],
            "caller": caller.code,
        }
        with audit.actor(caller.creator, "directory", request.META.get("REMOTE_ADDR", "")):
            audit.record("security.directory_refused", data=data)


def _http(response: ScimResponse) -> HttpResponse:
    content = b"" if response.body is None else json.dumps(response.body).encode()
    answer = HttpResponse(content, status=int(response.status))
    for name, value in response.headers.items():
        answer[name] = value
    answer["Cache-Control"] = "no-store"
    return answer
