"""What a person wants to know before, and while, the agent runs: `doctor` shows all, `config check --online` a part.

Each check stands here once. A check reads; it writes nothing, neither to Waldur nor to this host.
"""
