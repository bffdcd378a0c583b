"""Filters over :mod:`tremplin.portal.number_format`.

``number``, ``percent`` (0 to 100), ``ratio`` (0 to 1), ``signed``, ``money`` (minor units),
``duration`` and ``clock`` (seconds), ``file_size`` (bytes), ``french_spaces`` (text).
"""

from __future__ import annotations

from django import template

from tremplin.portal import number_format

register = template.Library()

register.filter("number", number_format.number)
register.filter("percent", number_format.percent)
register.filter("ratio", number_format.ratio)
register.filter("signed", number_format.signed)
register.filter("money", number_format.money)
register.filter("duration", number_format.duration)
register.filter("retention", number_format.retention)
register.filter("clock", number_format.clock)
register.filter("file_size", number_format.file_size)


@register.filter(is_safe=False)
def french_spaces(value: object) -> str:
    """French punctuation spaces for text shown in French; see the module above."""
    return number_format.french_spaces(str(value))


@register.filter
def initials(value: object) -> str:
    """Return at most two initials of a person's or space's name."""
    words = [word for word in str(value).replace("-", " ").split() if word[:1].isalnum()]
    picked = [words[0], words[-1]] if len(words) > 1 else words
    return "".join(word[0] for word in picked).upper()


@register.filter
def get_item(mapping: object, key: object) -> object:
    """Return ``mapping[key]`` or an empty string."""
    return mapping.get(key, "") if isinstance(mapping, dict) else ""
