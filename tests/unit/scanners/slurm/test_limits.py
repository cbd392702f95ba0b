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
        ("GrpTRES", "mem=1.50G", {"mem": 1536}),
        ("GrpTRES", "mem=1537G", {"mem": 1573888}),
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


@pytest.mark.parametrize(
    ("text", "between"),
    [
        ("1.50T", "1.495T and 1.505T"),
        ("2.50T", "2.495T and 2.505T"),
        ("1.00T", "0.995T and 1.005T"),
        ("1.50P", "1.495P and 1.505P"),
        ("2.50?", "2.495? and 2.505?"),
    ],
)
def test_a_rounded_memory_is_a_problem_and_left_out(text: str, between: str) -> None:
    """SLURM shows 2621440M and 2621952M both as 2.50T, so nobody knows which it is: never a wrong value."""
    problem = f"limit GrpTRES.mem left out: SLURM shows it rounded: {text!r}, between {between}"
    assert parse_limits([("GrpTRES", f"mem={text},cpu=1")]) == ({"GrpTRES.cpu": 1}, (problem,))


def test_a_dump_has_plain_minutes() -> None:
    """Where `show` has days and hours."""
    assert parse_limits([("GrpWall", "2880")]) == ({"GrpWall": 2880}, ())


def test_limits_of_a_qos() -> None:
    """By its name, which is the last column; per account and per group, and what is unreadable with its words."""
    cells = {"GrpTRES": "gres/gpu=8,mem=1.50G", "MaxTRESPA": "cpu=64", "MaxJobsPA": "9", "MaxWall": "7-00:00:00"}
    line = "|".join(cells.get(column, "") for column in QOS_LIMITS)
    found = parse_qos(f"{line}|gpu|long\n{'|' * len(QOS_LIMITS)}normal\n".encode())
    assert found["gpu|long"] == (
        {"GrpTRES.gres/gpu": 8, "GrpTRES.mem": 1536, "MaxTRESPA.cpu": 64, "MaxJobsPA": 9, "MaxWall": 10080},
        (),
    )
    assert found["normal"] == ({}, ())
    with pytest.raises(UnreadableError, match="not a QOS"):
        parse_qos(b"normal\n")


def test_names_of_qos_may_hold_line_breaks() -> None:
    """What follows belongs to the name; a name that seems to be there twice has no limits that can be told."""
    empty = "|" * len(QOS_LIMITS)
    jobs = "|".join("5" if column == "GrpJobs" else "" for column in QOS_LIMITS)
    found = parse_qos(f"{jobs}|two\nlines|x\n{jobs}|a\n{empty}b\n{jobs}|b\n".encode())
    assert found["two\nlines|x"] == ({"GrpJobs": 5}, ())
    assert found["b"] == ({}, ("no limits: SLURM seems to list the QOS b twice",))
