"""What the fake Waldur knows, and how it answers: the endpoints that an agent uses, with Waldur's shapes."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple
from urllib.parse import parse_qs

from benchmarks import fake_rows, world
from benchmarks.fake_kept import Asked, Offered

UUID_LENGTH = 32
PAGE_SIZE = 10
PAGE_SIZE_MAX = 300
LIVE = "OK"
Query = dict[str, list[str]]


class Answer(NamedTuple):
    """An answer: status, JSON, and for a list the number of all its rows and of the page that follows, if one does."""

    status: int
    body: bytes
    total: int | None = None
    next_page: int | None = None


class Asking(NamedTuple):
    """A request of an agent: `last` is the last part of its path, `uuid` the one in it, or empty."""

    method: str
    last: str
    uuid: str
    query: Query
    body: bytes


NOT_FOUND = Answer(404, b'{"detail": "Not found."}')


class State:
    """All offerings; any UUID of an offering is one. `projects` is how many the token may see."""

    def __init__(self, projects: int) -> None:
        self._projects = [
            {"uuid": world.project_uuid(number), "slug": world.project_slug(number)} for number in range(projects)
        ]
        self._by_slug = {project["slug"]: project for project in self._projects}
        self._offerings: dict[str, Offered] = {}
        self._where: dict[str, Offered] = {}
        self.counts: Counter[str] = Counter()
        self.in_flight = 0
        self.peak = 0

    def answer(self, method: str, target: str, body: bytes) -> Answer:
        """Carry out a request of an agent, and count it."""
        path, _, text = target.partition("?")
        parts = path.strip("/").split("/")[1:]
        uuid = next((part for part in parts if len(part.replace("-", "")) == UUID_LENGTH), "")
        route = f"{method} /{'/'.join('{uuid}' if part == uuid else part for part in parts)}/"
        self.counts[route] += 1
        answer = ROUTES.get(route)
        if answer is None:
            return NOT_FOUND
        return answer(self, Asking(method, parts[-1], uuid.replace("-", ""), parse_qs(text), body))

    def offered(self, offering: str) -> Offered:
        """What an offering has; made where it is new."""
        return self._offerings.setdefault(offering.replace("-", ""), Offered())

    # --- what the measuring process does

    def reset(self) -> None:
        """Count from now on."""
        self.counts.clear()
        self.peak = self.in_flight
        for there in self._offerings.values():
            there.count_anew(time.monotonic())

    def longest_gap(self, offerings: Iterable[str]) -> float:
        """The longest time that one of these offerings was without a list of its requests, until now; in seconds."""
        now = time.monotonic()
        return max((self.offered(offering).gap(now) for offering in offerings), default=0.0)

    def ask(self, offering: str) -> str:
        """A new request in state Sent, as staff would create it; its UUID."""
        values = {**fake_rows.new_identity("4e"), "offering": offering, "state": "Sent"}
        there = self.offered(offering)
        there.requests[values["uuid"]] = Asked(values, time.monotonic())
        self._where[values["uuid"]] = there
        return values["uuid"]

    def make_resources(self, offering: str) -> int:
        """Make a marketplace resource of each record, as imports would; how many the offering has then."""
        there = self.offered(offering)
        for values in there.values.values():
            made = {**values, **fake_rows.new_identity("4c")}
            there.resources[made["uuid"]] = made
            self._where.pop(values["uuid"])
        for kept in (there.records, there.values, there.by_backend_id):
            kept.clear()
        return len(there.resources)

    # --- endpoints

    def create_record(self, asking: Asking) -> Answer:
        """POST /backend-resources/."""
        sent = json.loads(asking.body)
        offering = sent["offering"].replace("-", "")
        there = self.offered(offering)
        values = {
            **fake_rows.new_identity("4d"),
            "name": sent["name"],
            "project": sent["project"].replace("-", ""),
            "offering": offering,
            "backend_id": sent["backend_id"],
        }
        row = fake_rows.record_row(values, sent.get("backend_metadata", {}))
        uuid = values["uuid"]
        there.records[uuid], there.values[uuid] = row, values
        there.by_backend_id.setdefault(values["backend_id"], []).append(uuid)
        self._where[uuid] = there
        return Answer(201, row)

    def list_records(self, asking: Asking) -> Answer:
        """GET /backend-resources/."""
        query = asking.query
        there = self.offered(_one(query, "offering_uuid"))
        wanted, project = _one(query, "backend_id"), _one(query, "project_uuid").replace("-", "")
        if not wanted:
            return _page(there.records.values(), len(there.records), query)
        uuids = [uuid for uuid in there.by_backend_id.get(wanted, []) if uuid in there.records]
        rows = [there.records[uuid] for uuid in uuids if not project or there.values[uuid]["project"] == project]
        return _page(rows, len(rows), query)

    def record(self, asking: Asking) -> Answer:
        """GET and DELETE of one record."""
        uuid = asking.uuid
        there = self._where.get(uuid)
        if there is None or uuid not in there.records:
            return NOT_FOUND
        if asking.method == "GET":
            return Answer(200, there.records[uuid])
        del there.records[uuid], there.values[uuid]
        return Answer(204, b"")

    def list_resources(self, asking: Asking) -> Answer:
        """GET /marketplace-provider-resources/."""
        query = asking.query
        there = self.offered(_one(query, "offering_uuid"))
        wanted, fields = _one(query, "backend_id"), tuple(query.get("field", ()))
        if LIVE not in query.get("state", [LIVE]):
            return _page([], 0, query)
        found: Sequence[dict[str, str]] | Iterable[dict[str, str]] = there.resources.values()
        total = len(there.resources)
        if wanted:
            found = [values for values in there.resources.values() if values["backend_id"] == wanted]
            total = len(found)
        rows = (fake_rows.row("resource", values, fields) for values in _cut(found, query))
        return _page(rows, total, query, cut=True)

    def list_projects(self, asking: Asking) -> Answer:
        """GET /projects/, and those of the service provider: all of them have used it."""
        query = asking.query
        fields, slug = tuple(query.get("field", ())), _one(query, "slug")
        found = self._projects
        if slug:
            found = [self._by_slug[slug]] if slug in self._by_slug else []
        rows = (fake_rows.row("project", values, fields) for values in _cut(found, query))
        return _page(rows, len(found), query, cut=True)

    def list_requests(self, asking: Asking) -> Answer:
        """GET /backend-resource-requests/."""
        query = asking.query
        there = self.offered(_one(query, "offering_uuid"))
        rows, states = [], query.get("state")
        now = time.monotonic()
        there.listed(now)
        for asked in there.requests.values():
            if asked.ended is not None:
                asked.looked_again = True
            if states is not None and asked.values["state"] not in states:
                continue
            if asked.shown is None:
                asked.shown, asked.before = now, self.counts.total() - 1
            rows.append(fake_rows.row("request", asked.values))
        return _page(rows, len(rows), query)

    def request(self, asking: Asking) -> Answer:
        """GET of one request."""
        there = self._where.get(asking.uuid)
        if there is None or asking.uuid not in there.requests:
            return NOT_FOUND
        return Answer(200, fake_rows.row("request", there.requests[asking.uuid].values))

    def transition(self, asking: Asking) -> Answer:
        """start_processing, set_done and set_erred of a request."""
        uuid, action = asking.uuid, asking.last
        there = self._where.get(uuid)
        if there is None or uuid not in there.requests:
            return NOT_FOUND
        asked = there.requests[uuid]
        before = {"start_processing": "Sent", "set_done": "Processing"}.get(action, asked.values["state"])
        if asked.values["state"] != before:
            return Answer(409, json.dumps({"detail": f"Valid states for operation: {before}."}).encode())
        if action == "start_processing":
            asked.started = time.monotonic()
            asked.values["state"] = "Processing"
            if asked.shown is None:  # the incumbent is told by an event, and looks at no list
                asked.before = self.counts.total() - 1
        else:
            asked.values["state"] = "Done" if action == "set_done" else "Erred"
            asked.message = json.loads(asking.body or b"{}").get("error_message", "")
        return Answer(200, json.dumps({"status": f"Request state set to {asked.values['state'].lower()}."}).encode())

    def offering(self, asking: Asking) -> Answer:
        """GET of one offering: any UUID is one."""
        return Answer(200, json.dumps(fake_rows.offering_row(asking.uuid)).encode())

    def providers(self, _asking: Asking) -> Answer:
        """GET /marketplace-service-providers/."""
        return Answer(200, json.dumps([fake_rows.PROVIDER]).encode(), 1)

    def me(self, _asking: Asking) -> Answer:
        """GET /users/me/."""
        return Answer(200, json.dumps(fake_rows.USER).encode())

    def sent(self, method: str, target: str) -> None:
        """Be told that an answer was written: the end of a request counts from then."""
        if method == "POST" and target.endswith(("/set_done/", "/set_erred/")):
            uuid = target.split("/")[-3]
            there = self._where.get(uuid)
            if there is not None and there.requests[uuid].ended is None:
                asked = there.requests[uuid]
                asked.ended = time.monotonic()
                asked.counted = self.counts.total() - asked.before
                asked.kinds = dict(self.counts)


ROUTES: Mapping[str, Callable[[State, Asking], Answer]] = {
    "GET /backend-resource-requests/": State.list_requests,
    "GET /backend-resource-requests/{uuid}/": State.request,
    "POST /backend-resource-requests/{uuid}/start_processing/": State.transition,
    "POST /backend-resource-requests/{uuid}/set_done/": State.transition,
    "POST /backend-resource-requests/{uuid}/set_erred/": State.transition,
    "GET /backend-resources/": State.list_records,
    "POST /backend-resources/": State.create_record,
    "GET /backend-resources/{uuid}/": State.record,
    "DELETE /backend-resources/{uuid}/": State.record,
    "GET /marketplace-provider-resources/": State.list_resources,
    "GET /marketplace-provider-offerings/{uuid}/": State.offering,
    "GET /marketplace-service-providers/": State.providers,
    "GET /marketplace-service-providers/{uuid}/projects/": State.list_projects,
    "GET /projects/": State.list_projects,
    "GET /users/me/": State.me,
}


def _one(query: Query, name: str) -> str:
    return query.get(name, [""])[-1]


def _bounds(query: Query) -> tuple[int, int]:
    """The number of the page, from 1, and its size."""
    return int(_one(query, "page") or 1), min(int(_one(query, "page_size") or PAGE_SIZE), PAGE_SIZE_MAX)


def _cut(rows: Iterable[dict[str, str]], query: Query) -> Iterable[dict[str, str]]:
    page, size = _bounds(query)
    return islice(rows, (page - 1) * size, page * size)


def _page(rows: Iterable[bytes], total: int, query: Query, *, cut: bool = False) -> Answer:
    """One page of a list; `cut` says that `rows` are only those of the page."""
    page, size = _bounds(query)
    shown = rows if cut else islice(rows, (page - 1) * size, page * size)
    following = page + 1 if page * size < total else None
    return Answer(200, b"[" + b", ".join(shown) + b"]", total, following)
