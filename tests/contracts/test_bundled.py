"""Every bundled module keeps the contract, exactly as a third party's would."""

from tremplin.testing.contract import *  # noqa: F403  the suite is the content of this module
