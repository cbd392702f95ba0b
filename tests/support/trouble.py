"""An offering in the middle of its life, and all that can happen to a call on its way to Waldur and back."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx

from support.builders import found
from support.site import Site
from waldur_import_agent.errors import AgentError
from waldur_import_agent.fulfilment import Answerer
from waldur_import_agent.journal import Journal, Phase
from waldur_import_agent.sandbox import Answer, Fault, Request
from waldur_import_agent.scanners.base import BackendMisconfiguredError

REFUSAL = "No such luck."
BROKEN = "the backend is broken here"
COMPONENTS = {"cpu": {"from": "GrpTRESMins.cpu", "unit_factor": 60}}
LONG = 3600.0
"""Seconds: longer than any call may take."""

Matches = Callable[[str, str], bool]


def calls(method: str, pattern: str) -> Matches:
    """Matches a method, and a path with its query."""
    expression = re.compile(pattern)
    return lambda its_method, its_path: its_method == method and expression.search(its_path) is not None


VERBS: dict[str, Matches] = {
    "poll": calls("GET", r"/backend-resource-requests/\?.*state=Sent"),
    "start_processing": calls("POST", r"/start_processing/$"),
    "request": calls("GET", r"/backend-resource-requests/[0-9a-f]{32}/$"),
    "offering": calls("GET", r"/marketplace-provider-offerings/"),
    "records": calls("GET", r"/backend-resources/\?"),
    "record": calls("GET", r"/backend-resources/[0-9a-f]{32}/$"),
    "resources": calls("GET", r"/marketplace-provider-resources/\?"),
    "service provider": calls("GET", r"/marketplace-service-providers/"),
    "projects": calls("GET", r"/api/projects/\?"),
    "create": calls("POST", r"/backend-resources/$"),
    "delete": calls("DELETE", r"/backend-resources/"),
    "set_done": calls("POST", r"/set_done/$"),
    "set_erred": calls("POST", r"/set_erred/$"),
}
"""Each call that the agent makes."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens to a call: an `answer` in Waldur's place, or none; `handled` says that Waldur has acted before.

    `slow` is a call that does not come back in any time that the agent has.
    """

    answer: Answer | None = None
    handled: bool = False
    slow: bool = False


def _in_seven_seconds() -> str:
    return format_datetime(datetime.now(tz=UTC) + timedelta(seconds=7), usegmt=True)


JSON = {"Content-Type": "application/json"}
TROUBLES: dict[str, Trouble] = {
    "400": Trouble(Answer(400, {"name": [REFUSAL]})),
    "403": Trouble(Answer(403, {"detail": REFUSAL})),
    "404": Trouble(Answer(404, {"detail": REFUSAL})),
    "409": Trouble(Answer(409, {"detail": REFUSAL})),
    "dropped before": Trouble(),
    "dropped after": Trouble(handled=True),
    "500": Trouble(Answer(500, "<h1>Server Error (500)</h1>")),
    "503 seconds": Trouble(Answer(503, "<h1>Later</h1>", {"Retry-After": "7"})),
    "503 date": Trouble(Answer(503, "<h1>Later</h1>")),  # the date is that of the call: see Life.trouble
    "429": Trouble(Answer(429, {"detail": "Request was throttled. Expected available in 3 seconds."})),
    "HTML": Trouble(Answer(200, "<html><title>Please log in</title></html>")),
    "cut JSON": Trouble(Answer(200, '{"uuid": "38ba14c70a', JSON), handled=True),
    "slow before": Trouble(slow=True),
    "slow after": Trouble(slow=True, handled=True),
    "wrong type": Trouble(Answer(200, [1]), handled=True),
}
"""What can happen to each."""
REFUSED = ("400", "403", "404", "409")


@dataclass
class Life:
    """An offering with records of ours: one to keep, one to refresh, one to withdraw, a second one of an id, and a new
    account without one. One request was claimed before the agent was started, one is Sent.

    `broken` is a backend that fails for good.
    """  # noqa: D205 - one sentence after the other

    directory: Path
    broken: bool = False
    journal: type[Journal] = Journal
    site: Site = field(init=False)
    claimed: Request = field(init=False)
    sent: Request = field(init=False)
    hits: int = field(init=False, default=0)
    """How many calls have met the trouble: a test in which none has shows nothing."""

    @asynccontextmanager
    async def begun(self) -> AsyncIterator[Answerer]:
        """The agent, which has seen the offering before, and nothing to do in it."""
        await self.begin()
        async with self.site.agent() as answerer:
            answerer.checked.set()
            yield answerer

    async def begin(self) -> None:
        """Live until here."""
        self.site = Site(self.directory, simulated=True, offering_settings={"components": COMPONENTS})
        self.site.finds("hpc_kept", found("hpc_changed", limits={"GrpTRESMins.cpu": 600}), "hpc_gone")
        self.site.ask()
        await self.site.round()
        (kept,) = [record for record in self.site.records() if record.backend_id == "hpc_kept"]
        self.site.sandbox.add_record(
            self.site.offering, self.site.alpha, "hpc_kept", backend_metadata=kept.backend_metadata
        )
        self.site.finds("hpc_kept", found("hpc_changed", limits={"GrpTRESMins.cpu": 660}), "hpc_new")
        if self.broken:
            self.site.scanner.errors = [BackendMisconfiguredError(BROKEN) for _ in range(100)]
        self.claimed = self.site.ask()
        self.site.sandbox.start_processing(self.claimed)
        with Journal.open(self.directory) as journal:
            journal.intend(self.claimed.uuid, self.site.offering.uuid)
            journal.set_phase([self.claimed.uuid], Phase.CLAIMED)
        self.sent = self.site.ask()
        self.site.journal = self.journal

    def trouble(self, verb: str, kind: str, times: int | None) -> None:
        """From now on this happens to these calls, so many times or for ever."""
        trouble = TROUBLES[kind]

        def matches(method: str, path: str) -> bool:
            hit = VERBS[verb](method, path)
            self.hits += hit
            return hit

        if not trouble.slow:
            answer = trouble.answer
            if kind == "503 date" and answer is not None:
                answer = replace(answer, headers={"Retry-After": _in_seven_seconds()})
            if verb in {"records", "resources", "projects", "service provider", "poll"} and kind == "wrong type":
                answer = Answer(200, {"results": []})
            self.site.sandbox.faults.append(Fault(matches, answer, handled=trouble.handled, times=times))
            return
        left = [LONG] * (times or 1000)

        async def wait(request: httpx.Request) -> None:
            if left and matches(request.method, request.url.raw_path.decode()):
                await asyncio.sleep(left.pop())

        if trouble.handled:
            self.site.transport.after = wait
        else:
            self.site.transport.before = wait

    def heal(self) -> None:
        """No more trouble with Waldur."""
        self.site.sandbox.faults.clear()
        self.site.transport.__dict__.pop("before", None)
        self.site.transport.__dict__.pop("after", None)

    def assert_in_order(self) -> None:
        """Exactly the records that should be there, as they should be, and a journal without claims."""
        records = {record.backend_id: record for record in self.site.records()}
        assert self.site.ids() == ["hpc_changed", "hpc_kept", "hpc_new"]
        assert records["hpc_changed"].backend_metadata["limits"] == {"cpu": 11}
        assert self.site.journal_claims() == []


async def poll(answerer: Answerer) -> None:
    """One round as the daemon does it."""
    try:
        await answerer.answer()
    except AgentError:
        return
