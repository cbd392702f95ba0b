"""docs/kubernetes.yaml: good Kubernetes, one agent at a time, and a configuration that loads."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from waldur_import_agent import app

MANIFEST = Path(__file__).parents[2] / "docs" / "kubernetes.yaml"
OBJECTS: list[dict[str, Any]] = list(yaml.safe_load_all(MANIFEST.read_text()))
DEPLOYMENT = next(one for one in OBJECTS if one["kind"] == "Deployment")["spec"]
POD = DEPLOYMENT["template"]["spec"]
(CONTAINER,) = POD["containers"]


@pytest.mark.parametrize("thing", OBJECTS, ids=lambda thing: str(thing["kind"]))
def test_schema(thing: dict[str, Any]) -> None:
    """Each object is what Kubernetes' own schema says, without a key that it does not know."""
    kubernetes_validate.validate(thing, kubernetes_validate.latest_version(), strict=True)


def test_schema_check_finds_a_fault() -> None:
    """A misspelt key does not pass."""
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**OBJECTS[0], "dta": {}}, kubernetes_validate.latest_version(), strict=True)


def test_one_agent_at_a_time() -> None:
    """One replica, and the old one goes before the new one comes; it has longer to end than a round's grace."""
    assert DEPLOYMENT["replicas"] == 1
    assert DEPLOYMENT["strategy"] == {"type": "Recreate"}
    assert POD["terminationGracePeriodSeconds"] > 60


def test_it_may_do_little() -> None:
    """Not root, a read-only root, no capabilities; the token is a file of a secret, in no variable."""
    assert POD["securityContext"]["runAsUser"] == 10001
    assert CONTAINER["securityContext"]["readOnlyRootFilesystem"]
    assert CONTAINER["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert not [variable for variable in CONTAINER["env"] if "secretKeyRef" in str(variable)]


def test_probes() -> None:
    """Liveness is the agent's own life, readiness the listener that the configuration opens."""
    assert CONTAINER["livenessProbe"]["exec"]["command"] == ["waldur-import-agent", "status", "--healthy"]
    assert CONTAINER["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}
    listen = yaml.safe_load(OBJECTS[0]["data"]["config.yaml"])["metrics"]["listen"]
    assert listen == f"0.0.0.0:{CONTAINER['ports'][0]['containerPort']}"


def test_configuration_loads(tmp_path: Path) -> None:
    """The one in the ConfigMap is good, and its files are where the pod mounts them."""
    path = tmp_path / "config.yaml"
    path.write_text(OBJECTS[0]["data"]["config.yaml"].replace("/run/secrets/waldur-import-agent", str(tmp_path)))
    (tmp_path / "token").write_text("token")
    (tmp_path / "token").chmod(0o600)
    settings = app.load(path).settings
    mounts = {mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    for directory in (settings.state_dir, settings.runtime_dir, settings.lock_dir, Path("/etc/waldur-import-agent")):
        assert str(directory) in mounts
    assert "/run/secrets/waldur-import-agent" in mounts
