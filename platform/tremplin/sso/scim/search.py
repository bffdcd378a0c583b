"""Answers a search: in SQL where PostgreSQL can, by the filter itself on few candidates else."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, Func, JSONField, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Lower
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from scim2_models import SearchRequest, TooManyException
from scim2_models.path import AttrPath, CompareOperator, Comparison, LogicalExpr, ValuePath
from scim2_models.path.expressions import FilterNode, LogicalOperator

from tremplin.sso.models import ScimRecord
from tremplin.sso.scim.limits import MAX_RESULTS
from tremplin.sso.scim.mapping import unique_key

# Attributes that the document does not hold: their text cannot be looked for in it.
_COMPUTED = frozenset({"id", "meta", "groups", "active", "schemas"})
_TEXT_OPERATORS = frozenset(
    {CompareOperator.eq, CompareOperator.co, CompareOperator.sw, CompareOperator.ew}
)
_RANGES = {
    CompareOperator.gt: "gt",
    CompareOperator.ge: "gte",
    CompareOperator.lt: "lt",
    CompareOperator.le: "lte",
}
_TIMES = {"created": "created_at", "lastmodified": "updated_at"}
_SORTS = {"id": "pk", "username": "unique_key", "externalid": "external_id"}


def without_members(rows: QuerySet[ScimRecord]) -> QuerySet[ScimRecord]:
    """Read documents without the members of groups: a group may have thousands."""
    return rows.defer("document").annotate(
        shown=Func(
            F("document"),
            Value("members", output_field=TextField()),
            template="(%(expressions)s)",
            arg_joiner=" - ",
            output_field=JSONField(),
        )
    )


def narrow(node: FilterNode) -> Q | None:
    """Return a condition that every match of the filter meets, or None when there is none.

    The filter itself is evaluated on what remains: a condition may let too much through, never too
    little.
    """
    if isinstance(node, LogicalExpr):
        parts = [narrow(term) for term in node.terms]
        known = [part for part in parts if part is not None]
        if node.op == LogicalOperator.or_ and len(known) < len(parts):
            return None
        if not known:
            return None
        found = known[0]
        for part in known[1:]:
            found = found | part if node.op == LogicalOperator.or_ else found & part
        return found
    if isinstance(node, ValuePath):
        if node.attr_path.attr.casefold() in _COMPUTED:
            return None
        return _inside(node.val_filter)
    if isinstance(node, Comparison):
        return _comparison(node)
    return None


def _inside(node: FilterNode) -> Q | None:
    """Narrow by the filter of a value selection: its attributes are sub-attributes."""
    if isinstance(node, LogicalExpr):
        parts = [_inside(term) for term in node.terms]
        known = [part for part in parts if part is not None]
        if node.op == LogicalOperator.or_:
            if not known or len(known) < len(parts):
                return None
            found = known[0]
            for part in known[1:]:
                found |= part
            return found
        return _longest(node)
    if isinstance(node, Comparison) and node.op in _TEXT_OPERATORS:
        return _contains(node.value)
    return None


def _longest(node: LogicalExpr) -> Q | None:
    """Of several conditions on one entry, the longest text narrows most."""
    texts = [
        term.value
        for term in node.terms
        if isinstance(term, Comparison)
        and term.op in _TEXT_OPERATORS
        and isinstance(term.value, str)
        and _is_plain(term.value)
    ]
    return _contains(max(texts, key=len)) if texts else None


def _comparison(node: Comparison) -> Q | None:
    path: AttrPath = node.attr_path
    name = path.attr.casefold()
    if name == "meta":
        return _time(path, node)
    if node.op == CompareOperator.eq and isinstance(node.value, str) and path.sub_attr is None:
        if name == "id":
            return _id(node.value)
        if name == "username":
            return Q(resource_type="User", unique_key=unique_key(node.value))
        if name == "externalid":
            return Q(external_id=node.value)
        if name == "displayname":
            key = Q(resource_type="Group", unique_key=unique_key(node.value))
            text = _contains(node.value)
            return None if text is None else key | (Q(resource_type="User") & text)
    if name == "active" and node.op == CompareOperator.eq and node.value is False:
        return Q(document__active=False) | Q(user__is_active=False)
    if name in _COMPUTED or node.op not in _TEXT_OPERATORS:
        return None
    return _contains(node.value)


def _id(text: str) -> Q:
    try:
        return Q(pk=UUID(text))
    except ValueError:
        return Q(pk__in=[])


def _time(path: AttrPath, node: Comparison) -> Q | None:
    column = _TIMES.get((path.sub_attr or "").casefold())
    operator = _RANGES.get(node.op)
    if column is None or operator is None:
        return None
    moment = node.value if isinstance(node.value, datetime) else _moment(node.value)
    if moment is None or moment.tzinfo is None:
        return None
    return Q(**{f"{column}__{operator}": moment})


def _moment(value: Any) -> datetime | None:
    try:
        return parse_datetime(str(value))
    except ValueError:
        return None


def _is_plain(text: str) -> bool:
    """Tell whether the text looks the same in JSON, and in lower case everywhere."""
    return bool(text) and text.isascii() and text.isprintable() and not set(text) & set('"\\')


def _contains(value: Any) -> Q | None:
    if not isinstance(value, str) or not _is_plain(value):
        return None
    return Q(text__contains=value.lower())


def candidates(rows: QuerySet[ScimRecord], node: FilterNode) -> QuerySet[ScimRecord]:
    """Return the rows that may match, one more than allowed at most.

    Raises ``TooManyException`` (400 ``tooMany``) when the filter would have to read more than
    ``MAX_RESULTS`` resources.
    """
    condition = narrow(node)
    if condition is not None:
        if "text__contains" in str(condition):
            rows = rows.annotate(text=Lower(Cast("document", TextField())))
        rows = rows.filter(condition)
    if rows.order_by().values("pk")[: MAX_RESULTS + 1].count() > MAX_RESULTS:
        raise TooManyException(
            detail=_(
                "This filter reads more than %(count)d resources: use userName eq, "
                "externalId eq, or a longer text."
            )
            % {"count": MAX_RESULTS}
        )
    return rows


def order(rows: QuerySet[ScimRecord], request: SearchRequest[Any]) -> QuerySet[ScimRecord] | None:
    """Order rows as ``sortBy`` asks, or return None when only the documents can tell."""
    if request.sort_by is None:
        return rows.order_by("pk")
    name = str(request.sort_by).rpartition(":")[2].casefold()
    column = _SORTS.get(name)
    if name.startswith("meta."):
        column = _TIMES.get(name.removeprefix("meta."))
    # An unnamed value sorts last; the name of a group is its display name, of a user not.
    if column is None or column == "external_id":
        return None
    descending = request.sort_order == SearchRequest.SortOrder.descending
    return rows.order_by(f"-{column}" if descending else column, "pk")
