"""The marker that turns a function of a plugin into a hook implementation."""

from __future__ import annotations

import pluggy

PROJECT = "tremplin"

hookimpl = pluggy.HookimplMarker(PROJECT)
hookspec = pluggy.HookspecMarker(PROJECT)
