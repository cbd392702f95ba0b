"""What is wrong with the obvious way: an agent without a journal, that takes a 200 for ownership and errors for ends.

It does what the incumbent does: claim, list, create what is missing, set Done; whatever fails ends in set_erred.
"""

from typing import Any

import httpx

from support.site import ToldScanner
from waldur_import_agent.sandbox import Offering, Sandbox

BASE = "https://waldur.test/api"


class NaiveAgent:
    """Answers requests, as long as nothing goes wrong and nobody else does."""

    def __init__(self, sandbox: Sandbox, offering: Offering, scanner: ToldScanner, transport: Any) -> None:
        self._offering = offering
        self._scanner = scanner
        self._http = httpx.AsyncClient(
            base_url=BASE,
            headers={"Authorization": f"Token {sandbox.agent_token}", "Accept": "application/json"},
            transport=transport,
            timeout=None,
        )

    async def answer(self) -> None:
        """One look for requests, and what follows."""
        parameters = {"offering_uuid": self._offering.uuid, "state": "Sent"}
        for request in await self._get("/backend-resource-requests/", parameters):
            path = f"/backend-resource-requests/{request['uuid']}"
            try:
                await self._post(f"{path}/start_processing/", {})
                await self._report()
                await self._post(f"{path}/set_done/", {})
            except Exception as error:  # noqa: BLE001 - that is the mistake
                await self._post(f"{path}/set_erred/", {"error_message": str(error), "error_traceback": ""})

    async def _report(self) -> None:
        mine = {"offering_uuid": self._offering.uuid}
        resources = await self._get("/marketplace-provider-resources/", mine)
        imported = {resource["backend_id"] for resource in resources}
        for thing in (await self._scanner.scan()).resources:
            if thing.backend_id in imported:
                continue
            slug = thing.parents[0].name.removeprefix("hpc_")
            try:
                (project, *_) = await self._get("/projects/", {"slug": slug})
                known = {**mine, "backend_id": thing.backend_id, "project_uuid": project["uuid"]}
                if not await self._get("/backend-resources/", known):
                    record = {
                        "name": thing.name,
                        "project": project["uuid"],
                        "offering": self._offering.uuid,
                        "backend_id": thing.backend_id,
                        "backend_metadata": {"limits": {}},
                    }
                    await self._post("/backend-resources/", record)
            except (httpx.HTTPError, ValueError):
                continue  # would be logged

    async def _get(self, path: str, parameters: dict[str, str]) -> list[dict[str, Any]]:
        answer = await self._http.get(path, params=parameters)
        rows: list[dict[str, Any]] = answer.raise_for_status().json()
        return rows

    async def _post(self, path: str, body: dict[str, Any]) -> None:
        (await self._http.post(path, json=body)).raise_for_status()
