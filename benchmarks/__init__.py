"""What the agent costs: requests, process starts, seconds and memory, measured against a fake Waldur and a fake SLURM.

`python -m benchmarks` (or `make bench`) prints the table of docs/performance.md.
"""
