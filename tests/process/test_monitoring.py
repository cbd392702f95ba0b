"""What ships in docs/monitoring: Prometheus accepts it, and each metric that it names exists."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from waldur_import_agent.fulfilment import Ending
from waldur_import_agent.health.metrics import ACTIONS, Metrics
from waldur_import_agent.health.observer import SCANNING, Ended
from waldur_import_agent.records import Plan
from waldur_import_agent.system import now

MONITORING = Path(__file__).parents[2] / "docs" / "monitoring"
METRIC = re.compile(r"\b(?:waldur_import_agent|process)_\w+")


@pytest.fixture(scope="module")
def samples() -> dict[str, set[str]]:
    """The names of all samples that an agent serves that has done everything once, each with its labels."""
    metrics = Metrics()
    offering = metrics.of(1, "slurm", lambda: 0.0)
    metrics.exchanged("GET", "/api/", 200, 1)
    metrics.load(4, 3, 30.0)
    offering.looking()
    offering.looked(1, 1)
    offering.progress(SCANNING, 0, 0)
    offering.progress("reading Waldur", 0, 0)
    for outcome in Ending:
        offering.ended(Ended(outcome, now(), now(), requests=("q1",), counts={"unplaced": 1}))
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(metrics.text()[1].decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def expressions() -> list[str]:
    """All expressions of the rules and of the dashboard."""
    groups = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
    rules = [rule["expr"] for group in groups for rule in group["rules"]]
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    panels = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    variables = [variable["query"]["query"] for variable in dashboard["templating"]["list"] if "refresh" in variable]
    return [*rules, *panels, *variables]


def test_prometheus_accepts_the_rules() -> None:
    """By promtool, of Debian's package prometheus."""
    command = ["promtool", "check", "rules", "--lint=all", "--lint-fatal", MONITORING / "alerts.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_accepts_the_expressions_of_the_dashboard(tmp_path: Path) -> None:
    """Each as a rule, with Grafana's variables filled in."""
    rules = [
        {"record": f"dashboard:expression_{number}", "expr": text.replace("$__rate_interval", "5m")}
        for number, text in enumerate(expressions())
        if not text.startswith("label_values")
    ]
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_metric_exists_and_is_shown(samples: dict[str, set[str]]) -> None:
    """What the rules and the dashboard name is served; and what is served is on the dashboard."""
    named = {name for text in expressions() for name in METRIC.findall(text)}
    assert named <= samples.keys()
    families = {re.sub(r"_(?:count|sum|bucket|total)$", "", name) for name in samples if name.startswith("waldur")}
    assert families == {
        re.sub(r"_(?:count|sum|bucket|total)$", "", name) for name in named if name.startswith("waldur")
    }


def test_each_label_exists(samples: dict[str, set[str]]) -> None:
    """Labels that are matched or kept are those of the metrics; Prometheus itself adds `instance`."""
    labels = set().union(*samples.values()) | {"instance"}
    for text in expressions():
        matched = re.findall(r'(\w+)=~?"', text)
        kept = [name for names in re.findall(r"(?:by|on) \(([^)]+)\)", text) for name in names.split(", ")]
        assert {*matched, *kept} <= labels, text


def test_each_value_exists() -> None:
    """The outcomes and actions that the rules name are those of the agent."""
    text = (MONITORING / "alerts.yaml").read_text()
    assert set(re.findall(r'outcome="(\w+)"', text)) <= {ending.value for ending in Ending}
    actions = {action.replace(" ", "_") for action in Plan.counts(Plan())}
    assert set(re.findall(r'action="(\w+)"', text)) <= actions
    assert {"set_done", "set_erred", "start_processing"} == ACTIONS
