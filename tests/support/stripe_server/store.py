"""Objects by account and id, lists with cursors, and answers with expanded references."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

Body = dict[str, Any]
# What an object holds only when it is asked for: (object, field) -> value.
INCLUDABLE: dict[tuple[str, str], Callable[[Store, Body], Any]] = {}


class ApiError(Exception):
    """An answer of the service that is not a success."""

    def __init__(
        self, status: int, kind: str, message: str, *, code: str = "", **more: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body: Body = {"type": kind, "message": message}
        if code:
            self.body["code"] = code
        self.body |= more


def bad(message: str, param: str = "", code: str = "") -> ApiError:
    """Return the answer to a wrong request."""
    more = {"param": param} if param else {}
    return ApiError(400, "invalid_request_error", message, code=code, **more)


class Store:
    """All objects of all accounts; "" is the platform."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Body]] = {"": {}}
        self.outbox: list[tuple[str, Body]] = []  # sent when the call has succeeded
        self._count = 0

    def new_id(self, prefix: str) -> str:
        """Return a new id, in the order of creation."""
        self._count += 1
        return f"{prefix}_{self._count:016d}"

    def put(self, account: str, body: Body) -> Body:
        """Keep an object."""
        body["_account"] = account
        self._count += 1
        body["_order"] = self._count
        self.rows.setdefault(account, {})[body["id"]] = body
        return body

    def get(self, account: str, key: Any, kind: str = "", param: str = "id") -> Body:
        """Return an object or raise the 404 of the service."""
        found = self.rows.get(account, {}).get(str(key))
        if found is None or (kind and found["object"] != kind):
            raise ApiError(
                404,
                "invalid_request_error",
                f"No such {kind or 'object'}: '{key}'",
                code="resource_missing",
                param=param,
            )
        return found

    def find(self, account: str, kind: str, **where: Any) -> list[Body]:
        """Return the objects of a kind, oldest first."""
        return [
            row
            for row in self.rows.get(account, {}).values()
            if row["object"] == kind and all(row.get(key) == value for key, value in where.items())
        ]

    def drop(self, body: Body) -> None:
        """Forget an object."""
        self.rows[body["_account"]].pop(body["id"], None)

    def snapshot(self) -> Any:
        """Return a copy of everything, for ``restore``."""
        return copy.deepcopy((self.rows, self.outbox, self._count))

    def restore(self, kept: Any) -> None:
        """Put back what ``snapshot`` returned."""
        self.rows, self.outbox, self._count = kept


def listing(rows: Iterable[Body], params: Body, url: str) -> Body:
    """Return a page of ``rows``: newest first, with ``limit`` and both cursors."""
    ordered = sorted(rows, key=lambda row: -row.get("_order", 0))
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise bad("This value must be between 1 and 100", "limit")
    created = params.get("created")
    if isinstance(created, int):
        ordered = [row for row in ordered if row["created"] == created]
    elif isinstance(created, dict):
        tests = {"gt": int.__gt__, "gte": int.__ge__, "lt": int.__lt__, "lte": int.__le__}
        for key, edge in created.items():
            ordered = [row for row in ordered if tests[key](row["created"], int(edge))]
    ids = [row["id"] for row in ordered]
    if params.get("starting_after"):
        if params["starting_after"] not in ids:
            raise bad("No such cursor", "starting_after", "resource_missing")
        ordered = ordered[ids.index(params["starting_after"]) + 1 :]
    if params.get("ending_before"):
        if params["ending_before"] not in ids:
            raise bad("No such cursor", "ending_before", "resource_missing")
        ordered = ordered[: ids.index(params["ending_before"])]
    return {
        "object": "list",
        "url": url,
        "has_more": len(ordered) > limit,
        "data": ordered[:limit],
    }


def sublist(rows: Iterable[Body], url: str) -> Body:
    """Return a list inside an object, in the order of creation."""
    return {"object": "list", "url": url, "has_more": False, "data": list(rows)}


def plain(value: Any) -> Any:
    """Return a copy without what is ours alone (keys that start with ``_``)."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if not str(key).startswith("_")}
    return [plain(item) for item in value] if isinstance(value, list) else value


def answer(store: Store, account: str, body: Body, expand: Iterable[str] = ()) -> Body:
    """Return what is sent: a copy, with the references named by ``expand`` replaced by objects."""
    found = copy.deepcopy(body)
    for path in expand:
        _expand(store, account, found, path.split("."), path)
    return shown(store, account, found)


def shown(store: Store, account: str, body: Body) -> Body:
    """Return an object as the service writes it: tax rates are always whole objects."""
    found = copy.deepcopy(body)
    _whole_rates(store, account, found)
    return plain(found)  # type: ignore[no-any-return]


def _whole_rates(store: Store, account: str, node: Any) -> None:
    if isinstance(node, list):
        for item in node:
            _whole_rates(store, account, item)
        return
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key == "default_tax_rates":
            node[key] = [
                store.get(account, item) if isinstance(item, str) else item for item in value
            ]
        else:
            _whole_rates(store, account, value)


def _expand(store: Store, account: str, node: Any, parts: list[str], whole: str) -> None:
    if not parts or node is None:
        return
    if isinstance(node, list):
        for item in node:
            _expand(store, account, item, parts, whole)
        return
    key, *rest = parts
    include = INCLUDABLE.get((node.get("object", ""), key))
    if include is not None and not isinstance(node.get(key), dict):
        node[key] = copy.deepcopy(include(store, node))
    elif key not in node:
        raise bad(f"This property cannot be expanded ({whole}).", "expand")
    elif isinstance(node[key], str) and key not in {"object", "id"}:
        node[key] = copy.deepcopy(store.get(account, node[key]))
    elif isinstance(node[key], list) and all(isinstance(item, str) for item in node[key]):
        node[key] = [copy.deepcopy(store.get(account, item)) for item in node[key]]
    _expand(store, account, node[key], rest, whole)


def merge_metadata(body: Body, given: Any) -> None:
    """Apply ``metadata``: an empty value removes its key, an empty string removes all."""
    if given == "":
        body["metadata"] = {}
    elif given:
        merged = {**body.get("metadata", {}), **given}
        body["metadata"] = {key: value for key, value in merged.items() if value != ""}
