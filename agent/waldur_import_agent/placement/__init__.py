"""Which Waldur project a found resource belongs to, and why, or the reason why none can be told."""

from waldur_import_agent.placement.directory import Directory, read_directory, write_directory
from waldur_import_agent.placement.overrides import Overrides, read_overrides
from waldur_import_agent.placement.rules import Placer

__all__ = ["Directory", "Overrides", "Placer", "read_directory", "read_overrides", "write_directory"]
