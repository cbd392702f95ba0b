"""The weather between an agent and its Waldur."""

import random

from waldur_import_agent.sandbox import Answer, Fault

ERRORS = 0.05
"""Part of the requests that fail before they take effect."""
LOST_ANSWERS = 0.05
"""Part of the requests whose answer is lost after they took effect."""
KINDS = (
    Answer(500, "<h1>Server Error (500)</h1>"),
    Answer(502, "<html><h1>Bad Gateway</h1></html>"),
    Answer(503, "<html>back soon</html>", {"Retry-After": "0"}),
    Answer(429, {"detail": "Request was throttled."}, {"Retry-After": "0"}),
    None,
)
"""What an error looks like; None is a connection that breaks."""


def trouble(dice: random.Random) -> list[Fault]:
    """Faults that hit requests at random, for ever."""

    def one_in(part: float) -> "Fault":
        return Fault(lambda method, path: dice.random() < part)

    lost = one_in(LOST_ANSWERS)
    lost.handled = True
    faults = [lost]
    for answer in KINDS:
        fault = one_in(ERRORS / len(KINDS))
        fault.answer = answer
        faults.append(fault)
    return faults
