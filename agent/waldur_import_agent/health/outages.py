"""Log lines of an outage: one when it begins, one when it ends with its length, and none for each poll in between."""

from waldur_import_agent.health.observer import Ended, Observer
from waldur_import_agent.log import get_logger
from waldur_import_agent.system import now


class Outages:
    """The outages of all offerings of an agent: while one of them goes on, another's is part of it."""

    def __init__(self) -> None:
        self._away: dict[str, str] = {}
        self._since = now()

    def of(self, offering: str) -> Observer:
        """What is told of one offering."""
        return _OfferingOutage(self, offering)

    def began(self, offering: str, ended: Ended) -> None:
        """One offering cannot be answered; again, or for another reason, only where that is news."""
        before = self._away.get(offering)
        if not self._away:
            self._since = ended.finished
        self._away[offering] = ended.reason
        log = get_logger()
        if before is None and len(self._away) == 1:
            log.warning("outage: requests cannot be answered", outcome=ended.outcome, reason=ended.reason)
        elif ended.reason != before:
            log.info("outage goes on", outcome=ended.outcome, reason=ended.reason)
        else:
            log.debug("outage goes on", outcome=ended.outcome, reason=ended.reason)

    def is_over(self, offering: str) -> None:
        """One offering can be answered; the outage ends when all can be."""
        if self._away.pop(offering, None) is not None and not self._away:
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
