"""What PostgreSQL's errors mean for the agent: whether trying again may help, and what a person can do.

libpq gives no SQLSTATE for what a server says while a connection is made, so these are known by their texts (of
https://github.com/postgres/postgres, in English: a server with another lc_messages is tried again).
"""

import psycopg

from waldur_import_agent.scanners.base import BackendError, BackendMisconfiguredError, BackendUnavailableError

REFUSED = {
    "password authentication failed": "Set the role's password on the server, or mend password_file",
    "no password supplied": "Set password_file",
    "pg_hba.conf": "Let pg_hba.conf of the server allow the agent's host and role",
    'role "': "Create the role: CREATE ROLE waldur_import_agent LOGIN PASSWORD '...'",
    'database "': "Set `database` to one that is there",
    "certificate": "Look at sslmode and at the server's certificate",
    "does not support SSL": "Switch SSL on at the server, or set sslmode",
}
"""What a server says where trying again cannot help, and the remedy."""
MISCONFIGURED_CLASSES = ("28", "42", "22")
"""Classes of SQLSTATE: authorization, access rule or unknown name, data (a name that is no valid text)."""


def explain(server: str, error: psycopg.Error) -> BackendError:
    """The agent's error for one of psycopg's."""
    words = " ".join(str(error).split()) or type(error).__name__
    message = f"server {server}: {words}"
    if error.sqlstate:
        if error.sqlstate.startswith(MISCONFIGURED_CLASSES):
            return BackendMisconfiguredError(message, remedy="Give the role the rights that README.md lists")
        return BackendUnavailableError(message)
    for text, remedy in REFUSED.items():
        if text in words:
            return BackendMisconfiguredError(message, remedy=remedy)
    return BackendUnavailableError(message)
