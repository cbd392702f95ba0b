"""`config init --from-site-agent`: a configuration of waldur-site-agent becomes ours; what is left behind is named."""

import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from waldur_import_agent import app
from waldur_import_agent.cli import main

UUID = "38ba14c70a274580adabe742014bddaa"
SECRET = "Hunter2Hunter2"  # the token of the fixture
# All keys of the models of waldur-site-agent 1.0.7 (WaldurAgentConfiguration, Offering, BackendComponent) and of the
# settings of its SLURM plug-in, with any value.
ROOT = (
    *("sentry_dsn", "elastic_apm_server_url", "timezone", "log_level", "reporting_periods"),
    *("expose_backend_error_details", "log_shipping"),
)
OFFERING = (
    *("name", "oidc_token_url", "oidc_client_id", "oidc_client_secret", "websocket_use_tls", "stomp_enabled"),
    *("stomp_membership_sync_enabled", "stomp_ws_host", "stomp_ws_port", "stomp_ws_path", "membership_sync_backend"),
    *("reporting_backend", "username_management_backend", "username_reconciliation_enabled"),
    "omit_anomalous_usage_components",
)
COMPONENT = (
    *("measured_unit", "unit_factor_reporting", "accounting_type", "label", "limit", "description", "min_value"),
    *("max_value", "max_available_limit", "default_limit", "limit_period", "article_code", "is_boolean", "is_prepaid"),
    *("min_prepaid_duration", "max_prepaid_duration", "prepaid_duration_step", "min_renewal_duration"),
    *("max_renewal_duration", "renewal_duration_step"),
)
SETTINGS = (
    *("default_account", "root_account", "default_account_policy", "customer_prefix", "allocation_prefix"),
    *("qos_downscaled", "qos_paused", "qos_default", "enable_user_homedir_account_creation", "default_homedir_umask"),
    *("periodic_limits", "project_directory", "ldap", "default_partition", "qos_enforcement_enabled"),
)
QOS = ("enabled", "flags", "grp_tres", "max_jobs", "max_submit", "max_wall", "min_tres_per_job", "skip_qos_swap")


def offering(**changes: Any) -> dict[str, Any]:
    """An offering of the other agent."""
    return {
        "waldur_api_url": "https://waldur.example.com/api/",
        "waldur_api_token": SECRET,
        "waldur_offering_uuid": UUID,
        "backend_type": "slurm",
        "order_processing_backend": "slurm",
        "resource_import_enabled": True,
        "backend_settings": {"project_prefix": "hpc.p_"},
        "backend_components": {"cpu": {"unit_factor": 60000}, "gres/gpu": {"unit_factor": 60.5}, "node": {}},
        **changes,
    }


def left(keys: tuple[str, ...]) -> dict[str, Any]:
    """The keys, each with a value that must not be shown."""
    return dict.fromkeys(keys, "sensitive-value")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The other agent's file."""
    return tmp_path / "site-agent.yaml"


def init(source: Path, data: Any) -> int:
    """Run the command on this configuration; the result is config.yaml beside it."""
    source.write_text(yaml.safe_dump(data))
    return main(["config", "init", "--from-site-agent", str(source), str(source.with_name("config.yaml"))])


def test_result_loads(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Address, offering, prefix, components with factors and proxy are ours; the token is in a file for the owner."""
    assert init(source, {"offerings": [offering()], "global_proxy": "http://proxy.example.com:3128"}) == 0
    path, token = source.with_name("config.yaml"), source.with_name("token")
    settings = app.load(path).settings
    assert settings.waldur.url == "https://waldur.example.com/api"
    assert settings.waldur.token_file == token
    assert settings.waldur.proxy == "http://proxy.example.com:3128"
    assert token.read_text() == f"{SECRET}\n"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    (ours,) = settings.offerings
    assert ours.uuid == UUID
    assert ours.scanner == {"type": "slurm"}
    (rule,) = ours.projects.rules
    assert (rule.source, rule.match, rule.by, rule.value) == ("parent", r"^hpc\.p_(?P<slug>.+)$", "slug", "{slug}")
    assert {name: (one.source, one.unit_factor) for name, one in ours.components.items()} == {
        "cpu": ("GrpTRESMins.cpu", 60000),
        "gres/gpu": ("GrpTRESMins.gres/gpu", 60.5),
        "node": ("GrpTRESMins.node", 1),
    }
    out, err = capsys.readouterr()
    assert SECRET not in path.read_text() + out + err
    assert "offerings[0].resource_import_enabled: set it to false there" in err
    assert f"next: waldur-import-agent config check {path}" in out


def test_every_other_key_is_named(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those of the other agent's models, and one that nobody knows; values are not shown."""
    settings = {**left(SETTINGS), "qos_management": left(QOS), "rest_api": {"api_version": "v0.0.43"}, "own": 1}
    components = {"cpu": {"unit_factor": 60, **left(COMPONENT)}}
    one = offering(backend_settings=settings, backend_components=components) | left(OFFERING)
    assert init(source, {"offerings": [one], **left(ROOT)}) == 0
    _, err = capsys.readouterr()
    places = {
        "": ROOT,
        "offerings[0].": OFFERING,
        "offerings[0].backend_components.cpu.": COMPONENT,
        "offerings[0].backend_settings.": (*SETTINGS, "own"),
        "offerings[0].backend_settings.qos_management.": QOS,
        "offerings[0].backend_settings.rest_api.": ("api_version",),
    }
    for place, keys in places.items():
        for key in keys:
            assert f"note: {place}{key}: not carried over: " in err, key
    assert "sensitive-value" not in err
    app.load(source.with_name("config.yaml"))


def test_qos_mode_cluster_and_program(source: Path) -> None:
    """Limits that stand on the account's QOS are read there."""
    settings = {
        "slurm_bin_path": "/opt/slurm/bin/",
        "cluster_name": "puhti",
        "qos_management": {"apply_limits_to_qos": True},
    }
    assert init(source, {"offerings": [offering(backend_settings=settings)]}) == 0
    (ours,) = app.load(source.with_name("config.yaml")).settings.offerings
    assert ours.scanner["sacctmgr"] == "/opt/slurm/bin/sacctmgr"
    assert ours.scanner["cluster"] == "puhti"
    assert ours.scanner["limits"] == {"source": "qos"}


@pytest.mark.parametrize(
    ("address", "key", "value"),
    [("unix:///run/slurmrestd", "socket", "/run/slurmrestd"), ("http://slurm:6820", "url", "http://slurm:6820")],
)
def test_slurmrestd(source: Path, address: str, key: str, value: str) -> None:
    """The execution mode rest is our scanner slurmrestd."""
    rest = {"url": address, "username": "agent", "token_file": "/etc/slurm-token", "timeout": 30}
    settings = {"execution_mode": "rest", "rest_api": rest}
    assert init(source, {"offerings": [offering(backend_settings=settings)]}) == 0
    (ours,) = app.load(source.with_name("config.yaml")).settings.offerings
    assert ours.scanner["type"] == "slurmrestd"
    assert ours.scanner[key] == value
    assert (ours.scanner["user"], ours.scanner["timeout"]) == ("agent", "30s")


def test_several_offerings(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another token is told of; another Waldur and another kind of backend are left out, with the reason."""
    second, third, fourth = (UUID[:-1] + digit for digit in "123")
    offerings = [
        offering(verify_ssl=False),
        offering(waldur_offering_uuid=second, waldur_api_token="other", waldur_api_url="https://waldur.example.com"),
        offering(waldur_offering_uuid=third, waldur_api_url="https://elsewhere.example.com/api/"),
        offering(waldur_offering_uuid=fourth, order_processing_backend="moab"),
    ]
    assert init(source, {"offerings": offerings, "global_proxy": "socks5://user:pw@proxy:1"}) == 0
    settings = app.load(source.with_name("config.yaml")).settings
    assert [one.uuid for one in settings.offerings] == [UUID, second]
    assert settings.waldur.accept_any_certificate
    _, err = capsys.readouterr()
    assert "offerings[0].verify_ssl: carried over as accept_any_certificate" in err
    assert "offerings[1].waldur_api_token: another token" in err
    assert "offerings[2]: left out: it is at another Waldur" in err
    assert "offerings[3]: left out: for its backend (moab)" in err
    assert "global_proxy: not carried over" in err
    assert "pw" not in err.replace("waldur-import-agent", "")


def test_root_is_told_how_the_agents_user_reads_the_files(
    source: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both files are root's alone then, and the line that gives them to the agent's group is told."""
    config, token = source.with_name("config.yaml"), source.with_name("token")
    for uid in (0, 1000):
        monkeypatch.setattr("os.geteuid", lambda uid=uid: uid)
        assert init(source, {"offerings": [offering()]}) == 0
        line = f"for the agent's user: chgrp waldur-import-agent {config} {token} && chmod 640 {config} {token}\n"
        assert (line in capsys.readouterr().out) is (uid == 0)
        config.unlink()
        token.unlink()


def test_without_a_token(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """OIDC has no counterpart: the file is named, and left to be filled."""
    one = offering(waldur_api_token="", oidc_token_url="https://idp.example.com/token")
    assert init(source, {"offerings": [one]}) == 0
    out, err = capsys.readouterr()
    assert "put a token into" in out
    assert "oidc_token_url: not carried over: this agent needs a token" in err
    assert not source.with_name("token").exists()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"offerings": []}, "has no `offerings`"),
        ([1], "not a block of keys"),
        (
            {"offerings": [offering(backend_type="moab", order_processing_backend="")]},
            "no offering could be carried over",
        ),
    ],
)
def test_what_is_no_such_file(source: Path, capsys: pytest.CaptureFixture[str], data: Any, said: str) -> None:
    """It ends with the code of a wrong configuration, and nothing is written."""
    assert init(source, data) == 78
    assert said in capsys.readouterr().err
    assert not source.with_name("config.yaml").exists()


def test_files_that_are_there_are_left(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a token nor a configuration is overwritten; no YAML and no file are told with their place."""
    source.with_name("token").write_text("mine")
    assert init(source, {"offerings": [offering()]}) == 1
    assert "is there already" in capsys.readouterr().err
    assert source.with_name("token").read_text() == "mine"
    assert not source.with_name("config.yaml").exists()
    source.with_name("token").unlink()
    source.with_name("config.yaml").write_text("mine")
    assert init(source, {"offerings": [offering()]}) == 1
    assert not source.with_name("token").exists()
    source.write_text("a: [")
    assert main(["config", "init", "--from-site-agent", str(source), str(source.with_name("x"))]) == 78
    assert f"{source}:1:" in capsys.readouterr().err
    assert main(["config", "init", "--from-site-agent", str(source.with_name("none"))]) == 1
    assert "cannot be read" in capsys.readouterr().err
    assert main(["config", "init", "--from-site-agent", str(source), "--scanner", "slurm"]) == 2
