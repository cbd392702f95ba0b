"""A Waldur in memory, with the documented behaviour of the real one: for the demo, for tests, for development.

`sandbox.app` is an ASGI application; `serving(sandbox)` puts it behind a socket. Needs the extra `sandbox`.
"""

from waldur_import_agent.sandbox.app import Logged
from waldur_import_agent.sandbox.faults import Answer, ConnectionLostError, Fault, requests_to
from waldur_import_agent.sandbox.instance import Sandbox
from waldur_import_agent.sandbox.objects import Offering, Project, Record, Request, RequestState, Resource, User
from waldur_import_agent.sandbox.serve import SandboxNotServedError, serving

__all__ = [
    "Answer",
    "ConnectionLostError",
    "Fault",
    "Logged",
    "Offering",
    "Project",
    "Record",
    "Request",
    "RequestState",
    "Resource",
    "Sandbox",
    "SandboxNotServedError",
    "User",
    "requests_to",
    "serving",
]
