"""A Waldur that answers what a test tells it to, and remembers what it was asked."""

import json
from collections.abc import Callable
from typing import Any

import httpx

from waldur_import_agent.settings import models
from waldur_import_agent.waldur.client import WaldurClient

TOKEN = "1f2e3d4c5b6a79880123456789abcdef01234567"

Scripted = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class ScriptedWaldur:
    """Gives the scripted answers in their order, the last one for ever; `requests` are those that came."""

    token = TOKEN

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self._answers: list[Scripted] = []

    def answer(self, *answers: Scripted) -> None:
        """Answer like this from now on."""
        self._answers = list(answers)

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    def settings(self, **values: Any) -> models.Waldur:
        """Settings for this Waldur."""
        values = {"url": "https://waldur.test/", "token": TOKEN, **values}
        if "token_file" in values:
            del values["token"]
        return models.Waldur.model_validate(values)

    def client(self, *, read_only: bool = False, handler: Any = None, **values: Any) -> WaldurClient:
        """A client that speaks to this Waldur, or to another `handler`."""
        transport = httpx.MockTransport(handler or self.handle)
        return WaldurClient.from_settings(self.settings(**values), read_only=read_only, transport=transport)

    def body(self, number: int = -1) -> Any:
        """The JSON that a request carried."""
        return json.loads(self.requests[number].content)

    def query(self, number: int = -1) -> list[tuple[str, str]]:
        """The parameters of a request, in their order."""
        return self.requests[number].url.params.multi_items()
