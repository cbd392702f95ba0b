"""A good scanner passes every check of the kit."""

from unit.scanners.testing.shelf import ShelfConformance


class TestShelf(ShelfConformance):
    """With nothing exempted."""
