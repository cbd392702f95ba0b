"""The same work done by an installed waldur-site-agent, side by side."""

import json
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks import world
from benchmarks.cases import Numbers, Say, WrongAnswerError
from benchmarks.install import MIB, on_disk
from benchmarks.processes import processor_seconds_of, without_proxies
from benchmarks.slurm import Slurm, make_slurm
from benchmarks.waldur import FakeWaldur, fake_waldur

DRIVER = Path(__file__).parent / "incumbent_driver.py"
PACKAGES = ("waldur-site-agent", "waldur-site-agent-slurm", "waldur-api-client")
STARTS_OF_INCUMBENT = 3
"""Of its command, each of which takes seconds; the middle one counts."""
LIMIT = 3600
"""Seconds for one request: it takes a tenth of a second for each account."""


def versions(environment: Path) -> dict[str, str]:
    """The versions of what is installed there. Raises CalledProcessError where one of them is missing."""
    program = f"import importlib.metadata as m, json; print(json.dumps({{n: m.version(n) for n in {PACKAGES!r}}}))"
    done = subprocess.run([_python(environment), "-c", program], stdout=subprocess.PIPE, check=True)
    told: dict[str, str] = json.loads(done.stdout)
    return told


def answering(environment: Path, directory: Path, accounts: int, say: Say) -> Iterator[tuple[str, Numbers]]:
    """New accounts, the same known as records, and known as resources: as in cases.answering, once."""
    slurm = make_slurm(directory / "slurm", accounts, one_by_one=True)
    offering = world.offering_uuid(0)
    with fake_waldur(world.projects_of(accounts)) as waldur:
        for name, expected in (("new", accounts), ("known as records", accounts), ("known as resources", 0)):
            say(f"{accounts:,} accounts, waldur-site-agent: {name}")
            if not expected:
                waldur.make_resources(offering)
            yield f"{accounts} {name}", _answered(environment, waldur, offering, slurm, expected)


def _answered(environment: Path, waldur: FakeWaldur, offering: str, slurm: Slurm, expected: int) -> Numbers:
    waldur.counts(reset=True)
    starts, request = slurm.starts, waldur.ask(offering)
    told = {
        "url": waldur.url,
        "token": world.TOKEN,
        "offering": offering,
        "request": request,
        "project_prefix": world.PROJECT_PREFIX,
        "slurm_bin_path": str(slurm.directory),
        "unit_factor": world.UNIT_FACTOR,
        "components": {"cpu": {}, "gres/gpu": {}},
    }
    done = subprocess.run(
        [_python(environment), str(DRIVER)],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        env=without_proxies(),
    )
    became = waldur.requests([offering])[request]
    there = waldur.records(offering)
    if done.returncode or became["state"] != "Done" or there != expected:
        raise WrongAnswerError(f"waldur-site-agent: {became}, {there} records: {done.stderr[-2000:]}")
    return {
        # from the first request to the end: it sees no list of requests
        "requests": waldur.counts()["total"],
        "process_starts": slurm.starts - starts,
        "wall_seconds": became["ended"] - became["started"],
        "peak_mib": float(done.stdout.strip().splitlines()[-1]),
        "in_flight": waldur.counts()["peak"],
    }


def command(environment: Path) -> Iterator[tuple[str, Numbers]]:
    """Processor time of its --help, and the size of its installation beside Python and pip."""
    program = str(environment / "bin" / "waldur_site_agent")
    seconds = statistics.median(processor_seconds_of([program, "--help"]) for _ in range(STARTS_OF_INCUMBENT))
    yield "--help", {"cpu_seconds": seconds}
    files = [
        path
        for packages in environment.glob("lib/python*/site-packages")
        for path in packages.rglob("*")
        if path.is_file() and not path.relative_to(packages).parts[0].startswith(("pip", "setuptools", "pkg_resources"))
    ]
    yield "install", {"mib": on_disk(files) / MIB}


def _python(environment: Path) -> str:
    return str(environment / "bin" / "python")
