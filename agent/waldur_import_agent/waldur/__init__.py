"""Everything that speaks to Waldur: the endpoints, their wire forms, and how hard to try."""
