"""Log lines of an outage: one when it begins, one when it ends with its length, and none for each poll in between."""

import re

from waldur_import_agent.health.observer import Ended, Observer
from waldur_import_agent.log import get_logger
from waldur_import_agent.system import now

PASSING = re.compile(r"\d+(?:\.\d+)?(?:e\+\d+)?(?= (?:more )?seconds)|\b[0-9a-f]{32}\b")
"""What differs from poll to poll or from offering to offering in one and the same reason: times and UUIDs."""


class Outages:
    """The outages of all offerings of an agent: while one of them goes on, another's is part of it."""

    def __init__(self) -> None:
        self._away: set[str] = set()
        self._told: set[str] = set()
        self._since = now()

    def of(self, offering: str) -> Observer:
        """What is told of one offering."""
        return _OfferingOutage(self, offering)

    def began(self, offering: str, ended: Ended) -> None:
        """One offering cannot be answered; again, or for another reason, only where that is news in this outage."""
        log = get_logger()
        gist = PASSING.sub("_", ended.reason)
        if not self._away:
            self._since = ended.finished
            self._told = {gist}
            log.warning("outage: requests cannot be answered", outcome=ended.outcome, reason=ended.reason)
        elif gist not in self._told:
            self._told.add(gist)
            log.info("outage goes on", outcome=ended.outcome, reason=ended.reason)
        else:
            log.debug("outage goes on", outcome=ended.outcome, reason=ended.reason)
        self._away.add(offering)

    def is_over(self, offering: str) -> None:
        """One offering can be answered; the outage ends when all can be."""
        if offering not in self._away:
            return
        self._away.remove(offering)
        if not self._away:
            get_logger().info(
                "outage is over: requests are answered again", seconds=round((now() - self._since).total_seconds(), 1)
            )


class _OfferingOutage(Observer):
    def __init__(self, outages: Outages, offering: str) -> None:
        self._outages = outages
        self._offering = offering

    def ended(self, ended: Ended) -> None:
        if ended.ready:
            self._outages.is_over(self._offering)
        elif ended.ready is False:
            self._outages.began(self._offering, ended)
