"""What a round does, worked out from what was found, where it belongs and what Waldur knows. Pure: no I/O, no clock."""

from waldur_import_agent.plan.kept_back import Elsewhere
from waldur_import_agent.plan.plan import PlanInput, make_plan

__all__ = ["Elsewhere", "PlanInput", "make_plan"]
