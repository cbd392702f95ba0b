"""The daemon's loop and the single run."""

import asyncio
import dataclasses
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from support.site import Site
from waldur_import_agent.fulfilment import Answerer, Ending, RoundReport
from waldur_import_agent.health.observer import Ended, Observer
from waldur_import_agent.log import bound
from waldur_import_agent.loop import (
    BACKOFF_MAX,
    LAST_RESORT,
    Loop,
    answer_all_once,
    answer_once,
    backoff,
    stop_on_signals,
)
from waldur_import_agent.sandbox import Answer, Fault, requests_to
from waldur_import_agent.waldur.errors import WaldurRefusedError

HOUR = 3600.0


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """One offering with its agent."""
    return Site(tmp_path)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until `condition` holds; five seconds are a failure."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the conditions are about the sandbox, which has no events
            await asyncio.sleep(0)


async def run_until(answerer: Answerer, site: Site, condition: Callable[[], bool], interval: float = HOUR) -> None:
    """Run the daemon until `condition` holds, then stop it in good order."""
    task = asyncio.create_task(Loop([answerer], interval, site.stop).run())
    try:
        await until(condition)
    finally:
        site.stop.set()
        async with asyncio.timeout(5):
            await task


async def test_first_poll_does_not_wait_for_the_interval(site: Site) -> None:
    """A daemon that starts looks at once, not after an hour."""
    request = site.ask()
    async with site.agent() as answerer:
        await run_until(answerer, site, lambda: request.state == "Done")


async def test_second_request_of_a_burst_does_not_wait_for_another_interval(site: Site) -> None:
    """A request that arrives while another is answered is answered right after it."""
    first = site.ask()
    second = []

    def arrives(method: str, path: str) -> bool:
        if "set_done" in path and not second:
            second.append(site.ask())
        return False

    site.sandbox.faults.append(Fault(arrives))
    async with site.agent() as answerer:
        await run_until(answerer, site, lambda: bool(second) and second[0].state == "Done")
    assert first.state == "Done"


async def test_each_tick_polls(site: Site) -> None:
    """The metronome wakes the loop again and again."""
    async with site.agent() as answerer:
        await run_until(answerer, site, lambda: site.asked("GET", "state=Sent") >= 3, interval=0.01)


async def test_failure_does_not_end_the_daemon(site: Site) -> None:
    """After an outage, and after a bug, the daemon polls on."""
    site.sandbox.faults.append(Fault(requests_to("GET", "state=Sent"), Answer(200, {"not": "a list"}), times=3))
    request = site.ask()
    async with site.agent() as answerer:
        await run_until(answerer, site, lambda: request.state == "Done", interval=0.01)


async def test_bug_in_one_round_does_not_end_the_daemon(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody expected is logged and the next poll goes on."""
    request = site.ask()
    async with site.agent() as answerer:
        answer, failed = Answerer.answer, []

        async def once_broken(self: Answerer) -> object:
            if not failed:
                failed.append(True)
                raise RuntimeError("surprise")
            return await answer(self)

        monkeypatch.setattr(Answerer, "answer", once_broken)
        await run_until(answerer, site, lambda: request.state == "Done", interval=0.01)


async def test_stop_lets_the_running_round_end(site: Site) -> None:
    """A stop during a scan lets the round finish its request."""
    site.scanner.gate = asyncio.Event()
    request = site.ask()
    async with site.agent() as answerer:
        task = asyncio.create_task(Loop([answerer], HOUR, site.stop).run())
        await site.scanner.begun.wait()
        site.stop.set()
        site.scanner.gate.set()
        async with asyncio.timeout(5):
            await task
    assert request.state == "Done"


async def test_single_run_answers_until_nothing_is_sent(site: Site) -> None:
    """`run --once` goes on while there is something to answer; its last report is the empty look."""
    site.ask()
    async with site.agent() as answerer:
        reports = await answer_once(answerer, site.stop)
    assert [report.outcome.ending for report in reports] == [Ending.DONE, Ending.NOTHING]


async def test_single_run_ends_when_waldur_is_away(site: Site) -> None:
    """`run --once` does not wait out an outage: the next run takes it up."""
    site.sandbox.faults.append(Fault(requests_to("GET", "/api/projects/"), Answer(503)))
    site.ask()
    async with site.agent() as answerer:
        reports = await answer_once(answerer, site.stop)
    assert [report.outcome.ending for report in reports] == [Ending.WAITING]


async def test_one_offerings_error_does_not_cut_off_another(tmp_path: Path) -> None:
    """Where one of two offerings cannot be answered at all, the other's round still ends; both have their report."""
    good, bad = Site(tmp_path / "good"), Site(tmp_path / "bad")
    request = good.ask()
    bad.sandbox.faults.append(Fault(requests_to("GET", "state=Sent"), Answer(403, {"detail": "No."})))
    async with good.agent() as one, bad.agent() as other:
        reports = await answer_all_once([other, one], good.stop)
    assert request.state == "Done"
    assert [report.outcome.ending for report in reports] == [Ending.IMPOSSIBLE, Ending.DONE, Ending.NOTHING]
    assert isinstance(reports[0].outcome.error, WaldurRefusedError)


@pytest.mark.parametrize("failures", [1, 2, 3, 50, 100_000])
def test_backoff_grows_and_is_bounded(failures: int) -> None:
    """Waits double with each failure, are spread, and never pass five minutes, or a longer poll interval."""
    expected = min(BACKOFF_MAX, 30.0 * 2.0 ** (min(failures, 17) - 1))
    for _ in range(20):
        assert expected / 2 <= backoff(30.0, failures) <= expected
    assert backoff(HOUR, failures) <= HOUR


async def test_signals_stop_then_abandon() -> None:
    """The first signal asks to stop, the second one abandons what runs; afterwards the old handlers are back."""
    stop, abandoned = asyncio.Event(), []
    signals = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)
    default = signal.signal(signal.SIGALRM, signal.SIG_IGN)  # as a parent may have left it
    before = [signal.getsignal(number) for number in signals]
    with stop_on_signals(stop, HOUR, lambda: abandoned.append(True)):
        signal.raise_signal(signal.SIGTERM)
        await until(stop.is_set)
        assert not abandoned
        assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
        assert HOUR < signal.getitimer(signal.ITIMER_REAL)[0] <= HOUR + LAST_RESORT
        signal.raise_signal(signal.SIGINT)
        await until(lambda: bool(abandoned))
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= LAST_RESORT
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    assert [signal.getsignal(number) for number in signals] == before
    signal.signal(signal.SIGALRM, default)


async def test_grace_time_abandons_by_itself() -> None:
    """A round that does not end within the grace time is abandoned without a second signal."""
    stop, abandoned = asyncio.Event(), []
    with stop_on_signals(stop, 0.001, lambda: abandoned.append(True)):
        signal.raise_signal(signal.SIGTERM)
        await until(lambda: bool(abandoned))
    assert stop.is_set()


class Noting(Observer):
    """An observer that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.ends: list[Ended] = []
        self.rests: list[float] = []

    def looking(self) -> None:
        """A poll begins."""
        self.told.append("looking")

    def looked(self, sent: int, resumed: int) -> None:
        """Waldur has answered."""
        self.told.append(f"looked {sent} {resumed}")

    def ended(self, ended: Ended) -> None:
        """The poll has ended."""
        self.told.append(ended.outcome)
        self.ends.append(ended)

    def resting(self, seconds: float) -> None:
        """The next poll is due."""
        self.told.append("resting")
        self.rests.append(seconds)


async def observed(site: Site) -> tuple[Noting, list[RoundReport]]:
    """A single run, and what was told of it."""
    noting = Noting()
    async with site.agent() as answerer:
        reports = await answer_once(dataclasses.replace(answerer, observer=noting), site.stop)
    return noting, reports


async def test_an_observer_is_told_of_each_round(site: Site) -> None:
    """A poll begins, Waldur answers, it ends: with the request, and then with nothing."""
    site.finds("hpc_one")
    request = site.ask()
    noting, (report, _) = await observed(site)
    assert noting.told == ["looking", "looked 1 0", "done", "looking", "looked 0 0", "nothing to do"]
    ended = noting.ends[0]
    assert (ended.run, ended.requests, ended.ready) == (report.run, (request.uuid,), True)
    assert (ended.counts, ended.seconds) == (report.counts, (report.finished - report.started).total_seconds())


async def test_an_observer_is_told_what_was_taken_up_again(site: Site) -> None:
    """A request of an earlier round, which Waldur's outage had cut off, is no new one."""
    site.sandbox.faults.append(Fault(requests_to("GET", "/api/projects/"), Answer(503)))
    site.ask()
    first, _ = await observed(site)
    assert (first.told[-1], first.ends[-1].ready) == ("waiting", False)
    assert "503" in first.ends[-1].reason
    site.sandbox.faults.clear()
    second, _ = await observed(site)
    assert second.told[:3] == ["looking", "looked 0 1", "done"]


async def test_an_observer_is_told_of_an_impossible_round(site: Site) -> None:
    """Not ready, with the reason and without the secrets in it."""
    site.sandbox.faults.append(Fault(requests_to("GET", "state=Sent"), Answer(403, {"detail": "No secret-word."})))
    site.redact.add("secret-word")
    noting, _ = await observed(site)
    assert noting.told == ["looking", "not possible"]
    assert noting.ends[0].ready is False
    assert "No [secret]" in noting.ends[0].reason


async def test_an_observer_is_told_of_a_stop(site: Site) -> None:
    """Which says nothing of Waldur, although it came while Waldur was away."""
    site.sandbox.faults.append(Fault(requests_to("GET", "/api/"), Answer(503)))
    site.stop.set()
    async with site.agent() as answerer:
        report = await answerer.answer()
    ended = report.ended(site.redact)
    assert (ended.outcome, ended.ready, ended.reason) == ("waiting", None, "")


async def test_an_observer_is_told_when_the_next_poll_is_due(site: Site) -> None:
    """After the interval; after a failure not before it."""
    noting = Noting()
    site.sandbox.faults.append(Fault(requests_to("GET", "state=Sent"), Answer(503), times=3))
    async with site.agent() as answerer:
        watched = dataclasses.replace(answerer, observer=noting)
        await run_until(watched, site, lambda: "nothing to do" in noting.told and noting.told[-1] == "resting", 0.02)
    assert noting.told[:4] == ["looking", "waiting", "resting", "looking"]
    assert all(seconds >= 0.02 for seconds in noting.rests)
    assert noting.rests[-1] == 0.02


async def test_an_observer_is_told_of_a_bug(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon goes on, not ready, and the log has the traceback."""
    noting = Noting()

    async def broken(self: Answerer) -> object:
        raise RuntimeError("surprise")

    monkeypatch.setattr(Answerer, "answer", broken)
    async with site.agent() as answerer:
        watched = dataclasses.replace(answerer, observer=noting)
        await run_until(watched, site, lambda: "resting" in noting.told)
    assert noting.told == ["looking", "not possible", "resting"]
    assert (noting.ends[0].ready, noting.ends[0].reason) == (False, "surprise")


async def test_ids_stand_on_the_lines_of_a_round(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Run and request, bound to what is logged while they are worked on."""
    seen = []

    def note(method: str, path: str) -> bool:
        seen.append((path, bound("run"), bound("request")))
        return False

    site.sandbox.faults.append(Fault(note))
    request = site.ask()
    _, (report, _) = await observed(site)
    inside = [ids for path, *ids in seen if "start_processing" in path or "set_done" in path]
    assert inside == [[report.run, request.uuid]] * 2
    assert {request for path, _, request in seen if path.startswith("/api/projects/")} == {None}
