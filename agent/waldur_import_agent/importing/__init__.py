"""Making marketplace resources of records, as staff: what becomes what, and carrying it out one by one."""

from waldur_import_agent.importing.carry_out import Importer, Outcome, Result
from waldur_import_agent.importing.import_plan import Import, ImportPlan, NotImported, choose_plan, make_import_plan
from waldur_import_agent.importing.selection import Selection, metadata_of, read_ids

__all__ = [
    "Import",
    "ImportPlan",
    "Importer",
    "NotImported",
    "Outcome",
    "Result",
    "Selection",
    "choose_plan",
    "make_import_plan",
    "metadata_of",
    "read_ids",
]
