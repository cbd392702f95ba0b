"""Limits as sacctmgr prints them, as numbers."""

import pytest

from waldur_import_agent.scanners.slurm.limits import parse_limits, parse_qos
from waldur_import_agent.scanners.slurm.reads import QOS_LIMITS
from waldur_import_agent.scanners.slurm.text import UnreadableError


@pytest.mark.parametrize(
    ("column", "cell", "limits"),
    [
        ("GrpTRESMins", "cpu=100,gres/gpu=5,gres/gpu:a100=2", {"cpu": 100, "gres/gpu": 5, "gres/gpu:a100": 2}),
        ("GrpTRESMins", "cpu=9223372036854775807", {"cpu": 9223372036854775807}),
        ("GrpTRES", "cpu=0,mem=0", {"cpu": 0, "mem": 0}),
        ("GrpTRES", "mem=1048577M", {"mem": 1048577}),
        ("GrpTRES", "mem=512G", {"mem": 524288}),
        ("GrpTRES", "mem=4T", {"mem": 4194304}),
        ("GrpTRES", "mem=1.50T", {"mem": 1572864}),
        ("GrpTRES", "mem=1P", {"mem": 1073741824}),
        ("GrpTRES", "mem=16?", {"mem": 17592186044416}),
        ("GrpTRES", "mem=2048K", {"mem": 2}),
        ("GrpTRES", "bb/datawarp=1G", {"bb/datawarp": 1024}),
        ("MaxTRESPerNode", "license/matlab=30,billing=7", {"license/matlab": 30, "billing": 7}),
    ],
)
def test_limits_of_trackable_resources(column: str, cell: str, limits: dict[str, int]) -> None:
    """Memory is in MiB whatever unit it is shown in, all else a plain number; zero stays zero."""
    assert parse_limits([(column, cell)]) == ({f"{column}.{key}": value for key, value in limits.items()}, ())


def test_counts_and_times() -> None:
    """Counts are numbers, wall times minutes; what is not set is absent."""
    limits, problems = parse_limits(
        [("MaxJobs", "0"), ("GrpJobs", "9"), ("GrpWall", "2-01:30:00"), ("MaxWall", "00:00:00"), ("GrpSubmitJobs", "")]
    )
    assert limits == {"MaxJobs": 0, "GrpJobs": 9, "GrpWall": 2970, "MaxWall": 0}
    assert not problems


@pytest.mark.parametrize(
    ("column", "cell", "problem"),
    [
        ("GrpTRES", "cpu=5K", "limit GrpTRES.cpu unreadable: '5K'"),
        ("GrpTRES", "cpu=-1", "limit GrpTRES.cpu unreadable: '-1'"),
        ("GrpTRES", "cpu=", "limit GrpTRES.cpu unreadable: ''"),
        ("GrpTRES", "cpu", "limit GrpTRES unreadable: 'cpu'"),
        ("GrpTRES", "mem=5X", "limit GrpTRES.mem unreadable: '5X'"),
        ("GrpTRES", "mem=1K", "limit GrpTRES.mem unreadable: '1K'"),
        ("GrpTRES", "mem=1.33M", "limit GrpTRES.mem unreadable: '1.33M'"),
        ("MaxJobs", "many", "limit MaxJobs unreadable: 'many'"),
        ("MaxJobs", "٣", "limit MaxJobs unreadable: '٣'"),
        ("GrpWall", "UNLIMITED", "limit GrpWall unreadable: 'UNLIMITED'"),
        ("GrpWall", "00:00:30", "limit GrpWall unreadable: '00:00:30'"),
    ],
)
def test_an_unreadable_limit_is_a_problem_and_left_out(column: str, cell: str, problem: str) -> None:
    """The others of the same account are read all the same."""
    assert parse_limits([(column, cell), ("GrpTRESMins", "cpu=1")]) == ({"GrpTRESMins.cpu": 1}, (problem,))


def test_a_dump_has_plain_minutes() -> None:
    """Where `show` has days and hours."""
    assert parse_limits([("GrpWall", "2880")]) == ({"GrpWall": 2880}, ())


def test_limits_of_a_qos() -> None:
    """By its name, which is the last column; per account and per group, and what is unreadable with its words."""
    cells = {"GrpTRES": "gres/gpu=8,mem=1.50T", "MaxTRESPA": "cpu=64", "MaxJobsPA": "9", "MaxWall": "7-00:00:00"}
    line = "|".join(cells.get(column, "") for column in QOS_LIMITS)
    found = parse_qos(f"{line}|gpu|long\n{'|' * len(QOS_LIMITS)}normal\n".encode())
    assert found["gpu|long"] == (
        {"GrpTRES.gres/gpu": 8, "GrpTRES.mem": 1572864, "MaxTRESPA.cpu": 64, "MaxJobsPA": 9, "MaxWall": 10080},
        (),
    )
    assert found["normal"] == ({}, ())
    with pytest.raises(UnreadableError, match="not a QOS"):
        parse_qos(b"normal\n")
