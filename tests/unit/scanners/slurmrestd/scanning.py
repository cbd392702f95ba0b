"""Scans of a server that answers like slurmrestd, tokens for it, and answers of a few accounts."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from waldur_import_agent.records import FoundResource, Scan
from waldur_import_agent.scanners.slurmrestd import SlurmrestdScanner
from waldur_import_agent.scanners.slurmrestd.settings import SlurmrestdSettings


def jwt(user: str | None = "agent", expires: float = 4_000_000_000) -> str:
    """A token as scontrol makes it, without a signature that anybody could check."""
    claims = {"exp": expires, "iat": 1, **({"sun": user} if user else {})}
    parts = [{"alg": "HS256", "typ": "JWT"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


def scanner(**settings: Any) -> SlurmrestdScanner:
    """A scanner with these settings of the cluster that was recorded."""
    return SlurmrestdScanner(SlurmrestdSettings.model_validate({"cluster": "testcluster", **settings}))


async def scan(**settings: Any) -> Scan:
    """One scan of all accounts."""
    async with scanner(**{"accounts": {"select": "all"}, **settings}) as entered:
        return await entered.scan()


async def found(**settings: Any) -> dict[str, FoundResource]:
    """What a scan of all accounts finds, by name."""
    return {resource.backend_id: resource for resource in (await scan(**settings)).resources}


def token_file(directory: Path, token: str | None = None) -> Path:
    """A file with a token as `scontrol token` prints it."""
    file = directory / "token"
    file.write_text(f"SLURM_JWT={token or jwt()}\n")
    return file


def association(account: str, parent: str = "root", *, user: str = "", **other: Any) -> dict[str, Any]:
    """An association as v0.0.41 and later have it, with what is not set left out."""
    row = {"account": account, "cluster": "testcluster", "parent_account": "" if user else parent, "user": user}
    return {**row, "partition": "", "shares_raw": 1, "qos": [], "default": {"qos": ""}, "flags": [], "id": 0, **other}


def associations(*rows: dict[str, Any]) -> dict[str, Any]:
    """The answer with these rows and those of root."""
    root = (association("root", ""), association("root", user="root"))
    return {"associations": [*root, *rows], "meta": {}, "errors": [], "warnings": []}


def accounts(*names: str, texts: Sequence[str] = ()) -> dict[str, Any]:
    """The answer with these accounts and root; `texts` are their descriptions."""
    described = [*texts, *["text"] * (len(names) - len(texts))]
    rows = [
        {"name": name, "description": text, "organization": "lab", "flags": [], "coordinators": [], "associations": []}
        for name, text in [("root", "default root account"), *zip(names, described, strict=True)]
    ]
    return {"accounts": rows, "meta": {}, "errors": [], "warnings": []}
