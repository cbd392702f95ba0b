"""Which Waldur project a found resource belongs to, and why, or the reason why none can be told."""

from waldur_import_agent.placement.overrides import Overrides, read_overrides
from waldur_import_agent.placement.rules import Placer

__all__ = ["Overrides", "Placer", "read_overrides"]
