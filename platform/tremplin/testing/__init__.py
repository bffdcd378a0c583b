"""What authors of modules test with: fixtures, fakes and the contract suite.

Nothing here imports Django before a test asks for it.
"""

from __future__ import annotations

from tremplin.testing.doubles import fake_service, freeze, register_temporarily

__all__ = ["fake_service", "freeze", "register_temporarily"]
