"""What the fake Waldur, the fake SLURM and the agent's configuration agree on. Pure.

A cluster of N accounts below N/10 project accounts; each project account has its project in Waldur.
"""

LATENCY = 0.02
"""Seconds after which the fake Waldur answers a request; it takes any number at the same time."""
START_SECONDS = 0.03
"""Seconds that a start of the sacctmgr stand-in takes, beside its output."""
IN_FLIGHT = 8
"""Requests at the same time: the agent's own default, and the connections of the floor."""
ACCOUNTS_PER_PROJECT = 10
USERS_PER_ACCOUNT = 3
CLUSTER = "bench"
TOKEN = "bench-token-0123456789abcdef"  # noqa: S105 - the fake looks at no token
PROJECT_PREFIX = "hpc_p_"
UNIT_FACTOR = 60
COMPONENTS = ("cpu", "gpu")
CUSTOMER_UUID = "c0" + "0" * 30
PROVIDER_UUID = "5e" + "0" * 30


def offering_uuid(number: int) -> str:
    """The UUID of an offering."""
    return f"0ff0{number:028x}"


def project_uuid(number: int) -> str:
    """The UUID of a project."""
    return f"9407{number:028x}"


def project_slug(number: int) -> str:
    """The slug of a project: what follows the prefix in the name of its account."""
    return f"p{number:05d}"


def project_account(number: int) -> str:
    """The account of a project, above the accounts that are offered."""
    return PROJECT_PREFIX + project_slug(number)


def account(number: int) -> str:
    """An account that is offered."""
    return f"hpc_a_{number:06d}"


def project_of(number: int) -> int:
    """The project of an account."""
    return number // ACCOUNTS_PER_PROJECT


def projects_of(accounts: int) -> int:
    """How many projects so many accounts have."""
    return -(-accounts // ACCOUNTS_PER_PROJECT)
