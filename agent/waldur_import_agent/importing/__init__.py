"""Making marketplace resources of records, as staff: what becomes what, and carrying it out one by one."""

from waldur_import_agent.importing.carry_out import Importer
from waldur_import_agent.importing.import_plan import (
    Import,
    ImportPlan,
    MetadataChange,
    NotImported,
    choose_plan,
    make_import_plan,
    metadata_changes,
)
from waldur_import_agent.importing.notes import ImportNotes
from waldur_import_agent.importing.results import FINE, ImportOutcome, Result
from waldur_import_agent.importing.rules import SEEN_SCOPES
from waldur_import_agent.importing.selection import Chosen, Selection, metadata_of, read_ids

__all__ = [
    "FINE",
    "SEEN_SCOPES",
    "Chosen",
    "Import",
    "ImportNotes",
    "ImportOutcome",
    "ImportPlan",
    "Importer",
    "MetadataChange",
    "NotImported",
    "Result",
    "Selection",
    "choose_plan",
    "make_import_plan",
    "metadata_changes",
    "metadata_of",
    "read_ids",
]
