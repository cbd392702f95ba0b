"""The accounts of a SLURM cluster, read from slurmdbd through sacctmgr."""

from waldur_import_agent.scanners.slurm.scanner import SlurmScanner

__all__ = ["SlurmScanner"]
