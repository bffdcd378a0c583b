"""A small module of the reference list."""

from django.apps import AppConfig


class RackConfig(AppConfig):
    name = "tests.bench.overlay.rack"
    label = "rack"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Declare the structural rows of Wagtail: its root pages, site, tasks and their rights."""
        from tenants import steps

        steps.allow_template_rows(
            *(
                f"wagtailcore_{name}"
                for name in (
                    "collection",
                    "groupapprovaltask",
                    "groupapprovaltask_groups",
                    "groupcollectionpermission",
                    "grouppagepermission",
                    "locale",
                    "page",
                    "site",
                    "task",
                    "workflow",
                    "workflowpage",
                    "workflowtask",
                )
            )
        )
