"""Imports without what a library would take along for uses that the agent does not make of it.

A daemon keeps for ever what is imported at its start: megabytes, where a library looks for an optional one at import.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*modules: str) -> Iterator[None]:
    """While the block runs, these modules cannot be imported, as if they were not installed.

    One that is imported already costs nothing more and is left as it is.
    """
    hidden = [name for name in modules if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # import then raises ModuleNotFoundError (the reference)
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
