"""Archives: one space in one file, restored elsewhere or beside itself."""

from tenants.archive.export import export
from tenants.archive.restore import Restored, restore

__all__ = ["Restored", "export", "restore"]
