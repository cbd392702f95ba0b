"""Which Waldur project a found resource belongs to, and why, or the reason why none can be told."""

from waldur_import_agent.placement.candidates import Candidates
from waldur_import_agent.placement.changed_ids import changed_ids
from waldur_import_agent.placement.directory import Directory, read_directory, write_directory
from waldur_import_agent.placement.overrides import Overrides, read_overrides
from waldur_import_agent.placement.rules import Placer
from waldur_import_agent.placement.table import Table, read_in_time
from waldur_import_agent.placement.worksheet import write_worksheet

__all__ = [
    "Candidates",
    "Directory",
    "Overrides",
    "Placer",
    "Table",
    "changed_ids",
    "read_directory",
    "read_in_time",
    "read_overrides",
    "write_directory",
    "write_worksheet",
]
