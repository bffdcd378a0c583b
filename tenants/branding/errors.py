"""Refusals of branding."""

from __future__ import annotations

from tenants.branding.tokens import Proposal


class ContrastRefused(ValueError):  # noqa: N818  reads as the answer it carries
    """The primary colour is too light for white text; ``proposal`` holds the one to use."""

    def __init__(self, proposal: Proposal) -> None:
        super().__init__(proposal.proposed)
        self.proposal = proposal


class LockedByReseller(ValueError):  # noqa: N818  reads as the fact it reports
    """The preset of the reseller keeps these fields; ``fields`` names them."""

    def __init__(self, fields: list[str]) -> None:
        super().__init__(", ".join(fields))
        self.fields = fields


class LockWithoutValue(ValueError):  # noqa: N818  reads as the fact it reports
    """A preset locks fields that it leaves empty; ``fields`` names them."""

    def __init__(self, fields: list[str]) -> None:
        super().__init__(", ".join(fields))
        self.fields = fields
