"""Answers Waldur's backend resource requests: tells Waldur which resources already exist on a backend."""

__version__ = "0.1.0"
