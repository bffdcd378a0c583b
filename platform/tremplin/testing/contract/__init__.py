"""The contract suite: every rule a module must keep, run once per discovered module.

A third party runs it with two lines::

    pytest_plugins = ["tremplin.testing.fixtures"]   # conftest.py
    from tremplin.testing.contract import *           # test_contract.py

The rules about data and pages ask for the fixtures ``tenant_a``, ``tenant_b``, ``inside`` and
``client_for`` of the database layer; the others need no database.
"""

from __future__ import annotations

from tremplin.testing.contract.declared import (
    test_rule_01_manifest,
    test_rule_02_imports_only_the_api,
    test_rule_02_imports_without_django,
    test_rule_03_hooks_match_the_specifications,
    test_rule_11_migration_dependencies,
    test_rule_12_events,
    test_rule_19_readme,
    test_rule_20_prefixes,
)
from tremplin.testing.contract.files import (
    test_rule_17_catalogue_is_complete,
    test_rule_17_templates,
    test_rule_18_assets,
)
from tremplin.testing.contract.pages import (
    test_rule_04_off_answers_nothing,
    test_rule_04_off_contributes_nothing,
    test_rule_05_links_answer_who_they_should,
    test_rule_06_api_operations,
    test_rule_14_hooks_within_budget,
)
from tremplin.testing.contract.tables import (
    test_rule_07_settings,
    test_rule_08_personal_data,
    test_rule_09_seed_demo,
    test_rule_10_activation,
    test_rule_11_migrations,
    test_rule_13_tasks,
)

__all__ = [
    "test_rule_01_manifest",
    "test_rule_02_imports_only_the_api",
    "test_rule_02_imports_without_django",
    "test_rule_03_hooks_match_the_specifications",
    "test_rule_04_off_answers_nothing",
    "test_rule_04_off_contributes_nothing",
    "test_rule_05_links_answer_who_they_should",
    "test_rule_06_api_operations",
    "test_rule_07_settings",
    "test_rule_08_personal_data",
    "test_rule_09_seed_demo",
    "test_rule_10_activation",
    "test_rule_11_migration_dependencies",
    "test_rule_11_migrations",
    "test_rule_12_events",
    "test_rule_13_tasks",
    "test_rule_14_hooks_within_budget",
    "test_rule_17_catalogue_is_complete",
    "test_rule_17_templates",
    "test_rule_18_assets",
    "test_rule_19_readme",
    "test_rule_20_prefixes",
]
