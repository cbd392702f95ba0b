"""A station per test: the real command against a sandbox on a real socket."""

from support.station import station

__all__ = ["station"]
