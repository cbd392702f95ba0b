"""One round over one offering: recover, claim, scan, place, plan, apply, look at the receipt, finish."""

from waldur_import_agent.fulfilment.outcome import Ending, Outcome, RoundReport
from waldur_import_agent.fulfilment.round import Answerer
from waldur_import_agent.fulfilment.survey import Survey, Surveyor
from waldur_import_agent.fulfilment.work import Identity

__all__ = ["Answerer", "Ending", "Identity", "Outcome", "RoundReport", "Survey", "Surveyor"]
