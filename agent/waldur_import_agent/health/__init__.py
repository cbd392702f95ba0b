"""What the agent is doing, for those who watch it: status.json, systemd, metrics, readiness and the log's outages."""
