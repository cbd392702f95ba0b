"""A list is read as a whole, or it is known that it could not be."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waldur_import_agent.settings import models
from waldur_import_agent.waldur.client import Page
from waldur_import_agent.waldur.effort import Effort
from waldur_import_agent.waldur.errors import (
    WaldurGoneError,
    WaldurRefusedError,
    WaldurUnavailableError,
)
from waldur_import_agent.waldur.listing import RE_READS, read_whole

PATH = "/api/backend-resources/"


class ChangingList:
    """A list ordered by creation, in pages of three; `before` changes it before the n-th page is read."""

    def __init__(self, rows: int, before: dict[int, Callable[[list[str]], None]] | None = None) -> None:
        self.rows = [f"row{number}" for number in range(1, rows + 1)]
        self.before = before or {}
        self.read: list[int] = []

    async def fetch(self, number: int) -> Page[str]:
        """One page, as Waldur gives it."""
        self.read.append(number)
        self.before.get(len(self.read), lambda rows: None)(self.rows)
        items = self.rows[3 * (number - 1) : 3 * number]
        if not items and number > 1:
            raise WaldurGoneError("GET", PATH, 404, "Invalid page.")
        return Page(items, len(self.rows), PATH)

    async def whole(self) -> list[str]:
        """The list, read as a whole."""
        return await read_whole(self.fetch, effort(), uuid_of=str)


def effort() -> Effort:
    """An effort that does not wait."""

    async def no_wait(seconds: float) -> None:
        """Nothing happens."""

    return Effort(models.Effort(), sleep=no_wait)


def remove(*names: str) -> Callable[[list[str]], None]:
    """Somebody removes these rows."""

    def change(rows: list[str]) -> None:
        rows[:] = [row for row in rows if row not in names]

    return change


def add(name: str) -> Callable[[list[str]], None]:
    """Somebody adds a row, at the end as the newest."""
    return lambda rows: rows.append(name)


def replace(old: str, new: str) -> Callable[[list[str]], None]:
    """Somebody adds one row and removes another: the count stays."""

    def change(rows: list[str]) -> None:
        rows.remove(old)
        rows.append(new)

    return change


@pytest.mark.parametrize(("rows", "reads"), [(0, [1]), (1, [1]), (3, [1])])
async def test_a_list_of_one_page_takes_one_request(rows: int, reads: list[int]) -> None:
    """One answer is one moment: nothing can have changed within it."""
    listed = ChangingList(rows)
    assert await listed.whole() == listed.rows
    assert listed.read == reads


@pytest.mark.parametrize(("rows", "reads"), [(4, [1, 2, 1]), (7, [1, 3, 2, 1]), (9, [1, 3, 2, 1])])
async def test_a_longer_list_is_read_from_its_end(rows: int, reads: list[int]) -> None:
    """The first page tells how many there are; then they are read from the last to the first, in the list's order."""
    listed = ChangingList(rows)
    assert await listed.whole() == listed.rows
    assert listed.read == reads


@pytest.mark.parametrize(
    "change",
    [remove("row1"), remove("row5"), remove("row7"), add("row8"), replace("row1", "row8"), replace("row5", "row8")],
    ids=["first", "middle", "last", "added", "first replaced", "middle replaced"],
)
@pytest.mark.parametrize("moment", [2, 3, 4])
async def test_a_change_between_two_pages_does_not_lose_a_row(change: Callable[[list[str]], None], moment: int) -> None:
    """Whatever vanishes or appears while pages are read: each row that was there all the time is in the result."""
    listed = ChangingList(7, {moment: change})
    stayed = set(listed.rows)
    result = await listed.whole()
    stayed &= set(listed.rows)
    assert stayed <= set(result)
    assert len(result) == len(set(result))


@pytest.mark.parametrize(
    ("change", "reads"),
    [
        (add("row8"), [1, 3, 1, 3, 2, 1]),
        (remove("row7", "row6", "row5"), [1, 3, 1, 2, 1]),
        (remove("row2", "row1", "row3", "row4"), [1, 3, 1]),
    ],
    ids=["another count", "page gone", "one page left"],
)
async def test_a_count_that_changes_makes_the_list_be_read_again(
    change: Callable[[list[str]], None], reads: list[int]
) -> None:
    """X-Result-Count differs, or a page is gone: the second reading gives the list as it is now."""
    listed = ChangingList(7, {2: change})
    assert await listed.whole() == listed.rows
    assert listed.read == reads


async def test_a_row_that_is_met_twice_makes_the_list_be_read_again() -> None:
    """The count is right, but a row moved to a lower page and was read there again."""
    listed = ChangingList(7, {3: replace("row1", "row8")})
    assert await listed.whole() == ["row2", "row3", "row4", "row5", "row6", "row7", "row8"]
    assert listed.read == [1, 3, 2, 1, 1, 3, 2, 1]


async def test_the_last_of_the_four_readings_may_be_the_good_one() -> None:
    """A list is read again three times."""
    # each of the first readings sees one more row on its second request and ends there
    listed = ChangingList(4, {2 * reading: add(f"new{reading}") for reading in range(1, RE_READS + 1)})
    assert await listed.whole() == listed.rows
    assert listed.read.count(2) == 1 + RE_READS


async def test_a_list_that_never_holds_still_is_an_outage() -> None:
    """After four readings Waldur counts as unavailable, with the list's path and what was wrong."""
    counts = iter(range(10, 1000))

    async def fetch(number: int) -> Page[str]:
        return Page([f"{number}{letter}" for letter in "abc"], next(counts), PATH)

    with pytest.raises(
        WaldurUnavailableError, match=r"the list changed each of the 4 times .* from 16 to 17"
    ) as raised:
        await read_whole(fetch, effort(), uuid_of=str)
    assert raised.value.path == PATH
    assert raised.value.status is None


@pytest.mark.parametrize(
    ("pages", "reason"),
    [
        ([Page(["a", "b"], 1)], "X-Result-Count is 1, but 2 rows with 2 UUIDs came"),
        ([Page(["a", "a"], 2)], "X-Result-Count is 2, but 2 rows with 1 UUIDs came"),
        ([Page(["a"], 0)], "X-Result-Count is 0, but 1 rows with 1 UUIDs came"),
        ([Page([], 5)], "X-Result-Count is 5, but the first page is empty"),
        ([Page(["a", "b"], 4), Page(["a", "b"], 4)], "X-Result-Count is 4, but 4 rows with 2 UUIDs came"),
    ],
    ids=["too many", "twice", "none counted", "nothing there", "page number ignored"],
)
async def test_pages_that_contradict_their_count_are_not_a_list(pages: list[Page[str]], reason: str) -> None:
    """A proxy that ignores the page number, or a wrong count, is never taken for a whole list."""

    async def fetch(number: int) -> Page[str]:
        return pages[number - 1]

    with pytest.raises(WaldurUnavailableError, match=reason):
        await read_whole(fetch, effort(), uuid_of=str)


async def test_a_list_that_is_refused_or_missing_is_not_read_again() -> None:
    """Errors that are not about a change come through: 403, and 404 for the list itself."""

    async def refused(_: int) -> Page[str]:
        raise WaldurRefusedError("GET", PATH, 403, "no")

    async def missing(_: int) -> Page[str]:
        raise WaldurGoneError("GET", PATH, 404, "no")

    with pytest.raises(WaldurRefusedError):
        await read_whole(refused, effort(), uuid_of=str)
    with pytest.raises(WaldurGoneError):
        await read_whole(missing, effort(), uuid_of=str)


async def test_a_list_that_becomes_missing_is_missing() -> None:
    """A 404 for a page starts the reading again, and the 404 for the first page then is about the list itself."""
    listed = ChangingList(4)

    async def fetch(number: int) -> Page[str]:
        if len(listed.read) == 2:
            raise WaldurGoneError("GET", PATH, 404, "no")
        return await listed.fetch(number)

    with pytest.raises(WaldurGoneError):
        await read_whole(fetch, effort(), uuid_of=str)


async def test_each_page_has_the_effort_of_a_read() -> None:
    """A page that fails is read again by itself, not the whole list."""
    listed = ChangingList(7)
    failing = {1, 3}

    async def fetch(number: int) -> Page[str]:
        if number in failing:
            failing.remove(number)
            raise WaldurUnavailableError("GET", PATH, 503, "down")
        return await listed.fetch(number)

    assert await read_whole(fetch, effort(), uuid_of=str) == listed.rows
    assert listed.read == [1, 3, 2, 1]


async def test_an_outage_ends_the_reading() -> None:
    """What effort gives up, the list gives up, with the same error."""
    error = WaldurUnavailableError("GET", PATH, 503, "down")

    async def fetch(_: int) -> Page[str]:
        raise error

    with pytest.raises(WaldurUnavailableError) as raised:
        await read_whole(fetch, effort(), uuid_of=str)
    assert raised.value is error


async def test_rows_are_converted_page_by_page() -> None:
    """Only what `convert` gives is kept, in the list's order; a row is converted before the next page is asked for."""
    listed = ChangingList(4)
    seen: list[tuple[str, int]] = []

    def convert(row: str) -> int:
        seen.append((row, len(listed.read)))
        return int(row.removeprefix("row"))

    assert await read_whole(listed.fetch, effort(), uuid_of=str, convert=convert) == [1, 2, 3, 4]
    assert seen == [("row4", 2), ("row1", 3), ("row2", 3), ("row3", 3)]


@given(
    rows=st.integers(0, 12),
    changes=st.dictionaries(
        st.integers(1, 8), st.tuples(st.sampled_from(["add", "remove", "replace"]), st.integers(0, 11))
    ),
)
async def test_no_row_that_stays_is_ever_missed(rows: int, changes: dict[int, tuple[str, int]]) -> None:
    """For any few changes at any moments: the result holds all rows that were there all the time, each once."""
    listed = ChangingList(rows)
    removed: set[str] = set()
    started_with = list(listed.rows)

    def changed(kind: str, index: int, name: str) -> Callable[[list[str]], None]:
        def change(list_: list[str]) -> None:
            if kind != "add" and index < len(list_):
                removed.add(list_.pop(index))
            if kind != "remove":
                list_.append(name)

        return change

    listed.before = {moment: changed(*change, f"new{moment}") for moment, change in changes.items()}
    try:
        result = await listed.whole()
    except WaldurUnavailableError:
        assert len(changes) > RE_READS
        return
    assert set(started_with) - removed <= set(result)
    assert len(result) == len(set(result))
