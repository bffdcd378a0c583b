"""The module keeps every rule of the platform."""

from tremplin.testing.contract import *  # noqa: F403  the suite is the content of this module
