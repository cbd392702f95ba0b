"""Everything that speaks to Waldur: the endpoints, their wire forms, and how hard to try."""

from waldur_import_agent.imports import without

with without("click"):  # for a command of its own, which takes rich and pygments along
    import httpx  # noqa: F401 - the first import decides
