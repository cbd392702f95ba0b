"""A scanner plug-in for waldur-import-agent: the databases of PostgreSQL servers."""
