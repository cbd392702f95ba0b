"""What a sandbox really holds, against what its backend has: the judge of the soak. It asks no agent."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from waldur_import_agent.sandbox import Offering, Record, Sandbox

INSTANCE = "default"
"""The instance whose records must follow the backend; those of others are left as they are."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong, in words: one text for each thing that is lost or doubled."""

    lost: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()


def judge(
    sandbox: Sandbox,
    offering: Offering,
    backend: Mapping[str, int],
    by_hand: Iterable[Record],
    *,
    stranger: bool = False,
) -> Findings:
    """Compare an offering with its backend, after a request has ended and while no round runs.

    `backend` has the limit of each account. `by_hand` are records that staff wrote and no agent may touch. With
    `stranger` an agent of another instance may have answered: it reports what is new and leaves our records alone.

    Lost is an account that is neither record nor resource, a change or a removal that did not arrive, and a record of
    staff's that is gone. Doubled is an account with two records, or with a record although it is a resource.
    """
    records = sandbox.records_of(offering)
    resources = {resource.backend_id for resource in sandbox.resources.values() if resource.offering is offering}
    counts = Counter(record.backend_id for record in records)
    lost = [f"{account}: not reported" for account in backend if account not in resources and not counts[account]]
    for record in records:
        if stranger or instance_of(record) != INSTANCE:
            continue
        if record.backend_id not in backend:
            lost.append(f"{record.backend_id}: not withdrawn")
        elif record.backend_metadata["limits"] != {"cpu": backend[record.backend_id]}:
            lost.append(f"{record.backend_id}: not refreshed")
    lost += [f"{record.backend_id}: staff's record is gone" for record in by_hand if record.uuid not in sandbox.records]
    doubled = [f"{account}: {count} records" for account, count in counts.items() if count > 1]
    doubled += [f"{account}: a record beside its resource" for account in sorted(resources & counts.keys())]
    return Findings(tuple(lost), tuple(doubled))


def instance_of(record: Record) -> str:
    """The instance that wrote a record, or "" for a record without a marker."""
    metadata = record.backend_metadata
    marker = metadata.get("import_agent") if isinstance(metadata, dict) else None
    return str(marker["instance"]) if isinstance(marker, dict) else ""
