"""Scanners: each reads one kind of backend and yields found resources."""
