"""What this agent has claimed, and how each round ended: SQLite in the state directory.

Waldur keeps no owner of a request, so the journal is what tells this agent's own claims from another's after a crash.
"""

from waldur_import_agent.journal.database import SCHEMA, SCHEMA_VERSION
from waldur_import_agent.journal.entries import Claim, Phase, Reason, Round
from waldur_import_agent.journal.journal import ROUNDS_KEPT, Journal

__all__ = ["ROUNDS_KEPT", "SCHEMA", "SCHEMA_VERSION", "Claim", "Journal", "Phase", "Reason", "Round"]
