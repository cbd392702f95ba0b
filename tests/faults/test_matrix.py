"""The fault matrix: each call of the agent x all that can happen to it, once and for a while."""

from pathlib import Path
from typing import NamedTuple

import pytest

from support.simulated import simulate
from support.trouble import BROKEN, REFUSAL, REFUSED, TROUBLES, VERBS, Life, poll


class End(NamedTuple):
    """How the requests should end: the state, and words that stand in the error message."""

    state: str
    words: str = ""


DONE = End("Done")
ABOUT_THE_REQUEST = {"poll", "start_processing", "request", "set_done"}
LASTING_500 = {
    "records": End("Erred", "Upgrade Waldur"),
    **dict.fromkeys(("create", "record", "delete"), End("Erred", "Server Error")),
}


def should_end(verb: str, kind: str, *, lasting: bool) -> End:
    """The rules of DESIGN.md, "How a request ends", for a backend that works.

    What may pass is waited for. What Waldur refuses is said, unless it is about the request itself, which then stays
    ours. A 404 for a record means that it is gone, which the receipt finds untrue once, or again and again. A 500 that
    lasts for one record, or for the list of them alone, while all else works, is no outage.
    """
    if verb in ABOUT_THE_REQUEST or verb == "service provider":
        return DONE  # the provider is one source of projects of several: a warning
    if verb in {"record", "delete"} and kind == "404":
        return End("Erred", "still differs from the plan") if lasting else DONE
    if kind in REFUSED:
        return End("Erred", "have no project" if verb == "projects" else REFUSAL.rstrip("."))
    if kind == "500" and lasting:
        return LASTING_500.get(verb, DONE)
    return DONE


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("kind", TROUBLES)
@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "set_erred"])
def test_each_trouble_with_each_call(tmp_path: Path, verb: str, kind: str, *, lasting: bool) -> None:
    """Two polls after the trouble each request has ended as it should; one more request finds all in order."""

    async def test() -> None:
        life = Life(tmp_path)
        async with life.begun() as answerer:
            life.trouble(verb, kind, None if lasting else 1)
            for _ in range(2 if lasting else 1):
                await poll(answerer)
            assert life.hits, "the call was never made"
            life.heal()
            for _ in range(2):
                await poll(answerer)
            end = should_end(verb, kind, lasting=lasting)
            for request in (life.claimed, life.sent):
                assert request.state == end.state, request.error_message
                assert end.words in request.error_message
                assert request.state == "Erred" or request.error_message == ""
            if end is not DONE:
                again = life.site.ask()
                await poll(answerer)
                assert again.state == "Done", again.error_message
        life.assert_in_order()

    simulate(test())


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("kind", TROUBLES)
@pytest.mark.parametrize("verb", ["request", "set_erred"])
def test_each_trouble_with_an_erred_end(tmp_path: Path, verb: str, kind: str, *, lasting: bool) -> None:
    """A backend that is broken ends each request Erred in its own words, whatever happens to telling it."""

    async def test() -> None:
        life = Life(tmp_path, broken=True)
        async with life.begun() as answerer:
            life.trouble(verb, kind, None if lasting else 1)
            for _ in range(2 if lasting else 1):
                await poll(answerer)
            assert life.hits, "the call was never made"
            life.heal()
            for _ in range(2):
                await poll(answerer)
        for request in (life.claimed, life.sent):
            assert request.state == "Erred"
            assert BROKEN in request.error_message
        assert life.site.journal_claims() == []

    simulate(test())
