"""The accounts of a SLURM cluster, read from slurmdbd through slurmrestd."""

from waldur_import_agent.scanners.slurmrestd.scanner import SlurmrestdScanner

__all__ = ["SlurmrestdScanner"]
