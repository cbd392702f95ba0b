"""The server: over a port, TLS and a socket; versions; time; what check() says."""

import asyncio
import gzip
import ssl
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from unit.scanners.slurmrestd.conftest import Cluster
from unit.scanners.slurmrestd.scanning import scan, scanner, token_file
from unit.scanners.slurmrestd.stand_in import Answers, served
from waldur_import_agent.scanners.base import BackendMisconfiguredError, BackendUnavailableError, CheckStatus
from waldur_import_agent.scanners.slurmrestd import client
from waldur_import_agent.system import read_in_thread

MIB = 1024 * 1024
CERTIFICATES = Path(__file__).parents[2] / "waldur/certificates"
EACH_VERSION = pytest.mark.parametrize("cluster", ["v0.0.38", "v0.0.40", "v0.0.41", "v0.0.42"], indirect=True)


async def test_a_unix_socket(tmp_path: Path) -> None:
    """The same answers as over a port."""
    answers, socket = Answers("v0.0.42"), tmp_path / "socket"
    token = token_file(tmp_path)
    with served(answers, socket):
        over_socket = await scan(socket=socket, token_file=token)
    with served(Answers("v0.0.42")) as url:
        assert over_socket == await scan(url=url, token_file=token)


@pytest.fixture
def https() -> Iterator[str]:
    """A server with a certificate that nobody trusts yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "localhost.pem", CERTIFICATES / "localhost.key")
    with served(Answers("v0.0.42"), tls=context) as url:
        yield url


async def test_https_with_the_sites_own_certificates(https: str, tmp_path: Path) -> None:
    """With ca_file they are verified; without it the server is not trusted, and the remedy names the setting."""
    token = token_file(tmp_path)
    assert (await scan(url=https, token_file=token, ca_file=CERTIFICATES / "localhost.pem")).complete
    with pytest.raises(BackendUnavailableError, match="CERTIFICATE_VERIFY_FAILED") as raised:
        await scan(url=https, token_file=token)
    assert "scanner.ca_file" in raised.value.remedy


async def test_a_ca_file_on_a_file_server_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may answer later; a check says so too."""
    answers = threading.Event()
    monkeypatch.setattr(ssl, "create_default_context", lambda cafile=None: answers.wait())
    monkeypatch.setattr(client, "read_in_thread", partial(read_in_thread, seconds=0.01))
    settings = {"url": "https://127.0.0.1:1", "token_file": token_file(tmp_path), "ca_file": tmp_path / "ca.pem"}
    try:
        with pytest.raises(
            BackendUnavailableError, match=r"scanner\.ca_file .*ca\.pem cannot be read: its file system"
        ):
            await scan(**settings)
        assert [check.status for check in await scanner(**settings).check()] == [CheckStatus.FAIL]
    finally:
        answers.set()


async def test_a_ca_file_that_cannot_be_used(tmp_path: Path) -> None:
    """From scan and check."""
    settings = {"url": "https://127.0.0.1:1", "token_file": token_file(tmp_path), "ca_file": tmp_path / "nowhere"}
    with pytest.raises(BackendMisconfiguredError, match=r"scanner\.ca_file .*nowhere cannot be used: No such file"):
        await scan(**settings)
    assert [check.status for check in await scanner(**settings).check()] == [CheckStatus.FAIL]


async def test_no_proxy_of_the_environment_is_asked(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would get the token."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert (await scan(**cluster.settings)).complete


async def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    """By port and by socket, with what to start or to correct."""
    token = token_file(tmp_path)
    with served(Answers("v0.0.42")) as url:
        pass
    with pytest.raises(BackendUnavailableError, match=r"slurmrestd at http://127\.0\.0\.1:") as raised:
        await scan(url=url, token_file=token)
    assert raised.value.remedy == "Start slurmrestd, or correct scanner.url"
    with pytest.raises(BackendUnavailableError, match="No such file or directory") as raised:
        await scan(socket=tmp_path / "nowhere", token_file=token)
    assert raised.value.remedy == "Start slurmrestd, or correct scanner.socket"
    checks = await scanner(url=url, token_file=token).check()
    assert [(check.name, check.status) for check in checks] == [
        ("token", CheckStatus.PASS),
        ("slurmrestd", CheckStatus.FAIL),
    ]


async def test_an_answer_has_a_time_limit(cluster: Cluster) -> None:
    """A server that takes the question and does not answer is unavailable."""
    cluster.answers.hang.set()
    with pytest.raises(BackendUnavailableError, match=r"did not end within 0\.05 seconds"):
        await scan(**cluster.settings, timeout=0.05)


@pytest.mark.parametrize("status", [200, 500])
async def test_an_answer_that_was_packed_unasked_is_not_unpacked(cluster: Cluster, status: int) -> None:
    """A few bytes that unpack to megabytes would be memory before anybody can count them."""
    body = gzip.compress(gzip.compress(b" " * (32 * MIB)))
    cluster.answers.put("/openapi/v3", body, status)
    cluster.answers.encoding = "gzip, gzip"
    tracemalloc.start()
    try:
        with pytest.raises(BackendUnavailableError):
            await scan(**cluster.settings)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * MIB
    assert cluster.answers.headers[0]["Accept-Encoding"] == "identity"


async def test_other_tasks_go_on_while_a_large_answer_is_read(cluster: Cluster) -> None:
    """Also where all of it has arrived already: the watchdog must have its turn."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    task = asyncio.ensure_future(other())
    await scan(**cluster.settings)
    task.cancel()
    assert turns > 10


@EACH_VERSION
async def test_the_version_is_asked_for_once(cluster: Cluster) -> None:
    """The list is large; a scan after the first makes two requests."""
    async with scanner(**cluster.settings) as entered:
        first = await entered.scan()
        cluster.answers.asked.clear()
        assert await entered.scan() == first
    paths = [path.partition("?")[0] for path in cluster.answers.asked]
    assert paths == [f"/slurmdb/{cluster.answers.version}/{name}/" for name in ("accounts", "associations")]


async def test_a_server_of_another_release_is_asked_anew(cluster: Cluster, tmp_path: Path) -> None:
    """After an upgrade the old version may be gone: 404, and the list is read again within the same scan."""
    newer = Answers("v0.0.42")
    older = Answers("v0.0.38")
    both = Answers("v0.0.38")
    with served(both) as url:
        async with scanner(url=url, token_file=token_file(tmp_path)) as entered:
            assert (await entered.scan()).complete
            both.become(newer)
            assert (await entered.scan()).complete
            both.become(older)
            assert (await entered.scan()).complete
    assert [path for path in both.asked if "openapi" in path] == ["/openapi/v3"] * 3


async def test_the_newest_known_version_is_chosen(cluster: Cluster) -> None:
    """Of those that the server has, with a slash at the end or without; what the agent does not know is passed over."""
    names = ("v0.0.40", "v0.0.41", "v0.0.42", "v0.0.43", "v0.0.100")
    paths = {f"/slurmdb/{name}/associations{'/' * (name != 'v0.0.42')}": {} for name in names}
    cluster.answers.put("/openapi/v3", {"info": {"version": "Slurm-25.05"}, "paths": paths})
    checks = await scanner(**cluster.settings).check()
    assert checks[1].detail == f"slurmrestd at {cluster.settings['url']} (Slurm-25.05) is asked in v0.0.42"


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        (
            {"/slurmdb/v0.0.43/associations/": {}, "/slurmdb/v0.0.39/associations/": {}},
            "slurmdb in v0.0.39, v0.0.43, and",
        ),
        ({"/slurm/v0.0.42/jobs/": {}}, "serves no accounting"),
        ([], "no list of paths"),
    ],
)
async def test_a_server_without_a_known_version(cluster: Cluster, paths: object, words: str) -> None:
    """What it serves and what the agent knows; or that its accounting is switched off."""
    cluster.answers.put("/openapi/v3", {"info": {}, "paths": paths})
    with pytest.raises(BackendMisconfiguredError, match=words):
        await scan(**cluster.settings)


@EACH_VERSION
async def test_check_passes_with_small_questions(cluster: Cluster) -> None:
    """Token, server, cluster and rights; neither all accounts nor all associations are asked for."""
    document = cluster.answers.recorded("accounts/")
    document["accounts"] = [row for row in document["accounts"] if row["name"] == "root"]
    cluster.answers.record("account/root", document)
    checks = await scanner(**cluster.settings).check()
    assert [(check.name, check.status) for check in checks] == [
        (name, CheckStatus.PASS) for name in ("token", "slurmrestd", "cluster", "rights")
    ]
    assert checks[3].detail == "the token's user agent sees all accounts: the user root can be seen"
    assert cluster.answers.asked[1:] == [
        f"/slurmdb/{cluster.answers.version}/{path}"
        for path in ("clusters/", "associations/?account=root&cluster=testcluster", "account/root")
    ]


@pytest.mark.parametrize(
    ("path", "failed", "words"),
    [
        ("associations/", "rights", "does not show the agent the account root"),
        ("account/root", "rights", "lists only 0"),
    ],
)
async def test_check_says_what_is_missing(cluster: Cluster, path: str, failed: str, words: str) -> None:
    """Each part of the rights that a scan needs."""
    cluster.answers.record("account/root", cluster.answers.recorded("accounts/"))
    cluster.answers.fail(path, "nothing-found")
    last = (await scanner(**cluster.settings).check())[-1]
    assert (last.name, last.status) == (failed, CheckStatus.FAIL)
    assert words in last.detail
    assert "AdminLevel=Operator" in last.remedy


async def test_check_names_the_clusters_where_one_is_wrong(cluster: Cluster) -> None:
    """And stops there."""
    last = (await scanner(**{**cluster.settings, "cluster": "puhti"}).check())[-1]
    assert (last.name, last.status) == ("cluster", CheckStatus.FAIL)
    assert last.detail == "the accounting database has no cluster puhti; it has: othercluster, testcluster"


async def test_without_ijson_the_extra_is_named(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """From scan and check; the scanner itself can be listed and configured."""
    monkeypatch.setitem(sys.modules, "ijson", None)
    with pytest.raises(BackendMisconfiguredError, match="the package ijson is not installed") as raised:
        await scan(**cluster.settings)
    assert "waldur-import-agent[slurmrestd]" in raised.value.remedy
    assert (await scanner(**cluster.settings).check())[-1].status is CheckStatus.FAIL
