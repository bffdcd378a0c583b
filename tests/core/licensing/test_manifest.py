"""What a manifest may declare as features."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.support.plugins.dummy.plugin import Plugin
from tremplin.api import Feature, Manifest, Text

LABEL = Text(en="L", fr="L")


@pytest.mark.parametrize(
    ("kind", "default"),
    [("switch", True), ("config", "short"), ("limit", 3), ("limit", None), ("metered", 0),
     ("seat", None)],
)  # fmt: skip
def test_a_default_of_the_right_type_is_taken(kind: Any, default: Any) -> None:
    assert Feature(code="x_y", kind=kind, label=LABEL, default=default).default == default


@pytest.mark.parametrize(
    ("kind", "default"),
    [("switch", 1), ("switch", "yes"), ("config", 3), ("limit", True), ("limit", -1),
     ("metered", "10"), ("seat", -1)],
)  # fmt: skip
def test_a_default_of_another_type_is_refused(kind: Any, default: Any) -> None:
    with pytest.raises(ValidationError, match="is no default of a feature of kind"):
        Feature(code="x_y", kind=kind, label=LABEL, default=default)


def test_two_features_never_share_a_code() -> None:
    twice = Feature(code="x_y", kind="switch", label=LABEL)
    values = dict(Plugin.manifest)
    with pytest.raises(ValidationError, match="two features have the same code"):
        Manifest(**{**values, "features": (twice, twice)})
    assert [item.code for item in Plugin.manifest.features] == ["things", "gold"]
