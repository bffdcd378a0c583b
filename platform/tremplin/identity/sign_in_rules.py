"""Who may not sign in, and how: rules that other packages add to the account pages.

Each rule is asked before a person is signed in by any method of the account pages. Single sign-on
registers the one that closes passwords to the addresses of an organisation that signs in elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tremplin.identity.models import User

Method = Literal["password", "code", "passkey", "reset", "sso"]
# Those of the account pages; ``sso`` is asked by single sign-on itself.
METHODS: tuple[Method, ...] = ("password", "code", "passkey", "reset")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a method is closed. ``message`` is translated and says what to do.

    ``url`` is where the person may sign in instead (a path of the space), or an empty string.
    """

    message: str
    url: str = ""


Rule = Callable[[str, Method], Refusal | None]
_rules: list[Rule] = []


def register_rule(rule: Rule) -> None:
    """Ask ``rule(email, method)`` before each sign-in; registering it twice changes nothing.

    ``email`` is normalised and may belong to nobody: a rule answers from the address alone, so
    that the answer does not tell which addresses have an account. It runs in the current space.
    """
    if rule not in _rules:
        _rules.append(rule)


def forget_rule(rule: Rule) -> None:
    """Stop asking ``rule``; unknown rules are ignored."""
    if rule in _rules:
        _rules.remove(rule)


def keeps_address(person: User, email: str) -> Refusal | None:
    """Refuse a new address to whoever must sign in elsewhere because of the present one.

    Otherwise a person would leave her organisation's sign-in, and its end, by writing a private
    address. Confirming the present address is no change.
    """
    from tremplin.identity.normalise import normalise_email

    if normalise_email(email) == person.email:
        return None
    return refusal(person.email, "password")


def refusal(email: str, method: Method) -> Refusal | None:
    """Return the first refusal for ``email`` and ``method``, or ``None`` when it is open."""
    from tremplin.identity.normalise import normalise_email

    address = normalise_email(email)
    for rule in list(_rules):
        if (found := rule(address, method)) is not None:
            return found
    return None
