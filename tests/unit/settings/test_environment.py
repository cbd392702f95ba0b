"""Variables of the environment: they win over the file, and what is wrong with them is told by their names."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from waldur_import_agent.settings.load import Configuration, load_configuration

Load = Callable[..., Configuration]
Problems = Callable[..., list[str]]


def test_a_variable_wins_over_the_file(load: Load) -> None:
    """At any depth; what has no variable stays as the file says."""
    configuration = load(
        WALDUR_IMPORT_AGENT__WALDUR__URL="https://other.example.com/",
        WALDUR_IMPORT_AGENT__WALDUR__EFFORT__FINISH__ATTEMPTS="20",
        WALDUR_IMPORT_AGENT__POLL_INTERVAL="2m",
    )
    assert configuration.settings.waldur.url == "https://other.example.com/api"
    assert configuration.settings.waldur.token_file
    assert configuration.settings.waldur.effort.finish.attempts == 20
    assert configuration.settings.waldur.effort.finish.within == 600
    assert configuration.settings.poll_interval == 120


def test_the_process_environment_counts_where_none_is_given(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to hand os.environ over."""
    configuration = load()
    monkeypatch.setenv("WALDUR_IMPORT_AGENT__INSTANCE", "from-the-environment")
    path = configuration.settings.waldur.token_file
    assert path is not None
    again = load_configuration(path.with_name("config.yaml"), lambda _: type(configuration.scanners[0]))
    assert again.settings.instance == "from-the-environment"
    assert load().settings.instance == "default"


def test_lists_are_json_and_replace_the_whole_list(load: Load) -> None:
    """A list in the environment is not mixed with that of the file; relative paths in it are left alone."""
    offerings = [{"uuid": "f" * 32, "scanner": {"type": "shelf", "root": "here"}}]
    configuration = load(WALDUR_IMPORT_AGENT__OFFERINGS=json.dumps(offerings))
    assert [offering.uuid for offering in configuration.settings.offerings] == ["f" * 32]
    assert configuration.scanners[0].model_dump()["root"] == Path("here")


def test_a_section_may_be_json(load: Load) -> None:
    """And is merged into that of the file, key by key."""
    waldur = load(WALDUR_IMPORT_AGENT__WALDUR='{"page_size": 7}').settings.waldur
    assert waldur.page_size == 7
    assert waldur.url == "https://waldur.example.com/api"


@pytest.mark.parametrize("name", ["token", "token_file"])
def test_a_token_from_the_environment_replaces_that_of_the_file(load: Load, directory: Path, name: str) -> None:
    """In either way, so that a container or a systemd credential can bring its own without another file."""
    for inside in ("token: abc", "token_file: token"):
        offering = f"{{uuid: {'f' * 32}, scanner: {{type: shelf, root: /x}}}}"
        text = f"waldur: {{url: 'https://x/', {inside}}}\nofferings: [{offering}]\n"
        waldur = load(
            text, **{f"WALDUR_IMPORT_AGENT__WALDUR__{name.upper()}": str(directory / "token")}
        ).settings.waldur
        assert waldur.token_file == (directory / "token" if name == "token_file" else None)
        assert (waldur.token.get_secret_value() if waldur.token else None) == (
            str(directory / "token") if name == "token" else None
        )


@pytest.mark.parametrize("token", ["123456", '{"a": 1}', "[1]", "null", "true"])
def test_a_token_is_never_taken_for_something_else(load: Load, token: str) -> None:
    """A text setting stays the text that it is, even if it reads like a number or JSON."""
    secret = load(WALDUR_IMPORT_AGENT__WALDUR__TOKEN=token).settings.waldur.token
    assert secret is not None
    assert secret.get_secret_value() == token


def test_an_empty_variable_counts_as_not_set(load: Load) -> None:
    """Compose files and charts set variables to nothing."""
    configuration = load(WALDUR_IMPORT_AGENT__WALDUR__CA_FILE="", WALDUR_IMPORT_AGENT__OFFERINGS="")
    assert configuration.settings.waldur.ca_file is None
    assert len(configuration.settings.offerings) == 1


def test_variables_of_others_are_left_alone(load: Load) -> None:
    """The one that names the configuration file too."""
    assert load(WALDUR_IMPORT_AGENT_CONFIG="/x", WALDUR_URL="/y", HOME="/z").settings.instance == "default"


def test_names_are_taken_without_regard_to_case(load: Load) -> None:
    """As pydantic-settings does."""
    assert load(waldur_import_agent__instance="lower").settings.instance == "lower"


def test_problems_name_the_variable(problems: Problems) -> None:
    """Wrong values, unknown names, lists by index, bad JSON and missing files, all in the report with the file's."""
    assert problems(
        "waldur: {url: 'https://x/', token_file: token}\noffers: []\n",
        WALDUR_IMPORT_AGENT__GRACE="-1",
        WALDUR_IMPORT_AGENT__WALDR__URL="x",
        WALDUR_IMPORT_AGENT__WALDUR__PAGE_SIZ="x",
        WALDUR_IMPORT_AGENT__WALDUR__PAGE_SIZE__MAX="3",
        WALDUR_IMPORT_AGENT__WALDUR__CA_FILE="/missing/ca.pem",
        WALDUR_IMPORT_AGENT__WALDUR__EFFORT__READ='{"attempts":}',
        WALDUR_IMPORT_AGENT__OFFERINGS__0__UUID="x",
        WALDUR_IMPORT_AGENT__STATE_DIR="/x",
    ) == [
        "config.yaml:1:1: offerings: this key is needed, but missing",
        "config.yaml:2:1: offers: unknown key (did you mean 'offerings'?)",
        "WALDUR_IMPORT_AGENT__GRACE: grace: a duration is a number with ms, s, m, h or d, like 30s",
        (
            "WALDUR_IMPORT_AGENT__OFFERINGS__0__UUID: offerings.0.uuid: there is nothing beneath "
            "WALDUR_IMPORT_AGENT__OFFERINGS; a list is given as a whole, as JSON"
        ),
        "WALDUR_IMPORT_AGENT__WALDR__URL: waldr.url: unknown key (did you mean 'waldur'?)",
        "WALDUR_IMPORT_AGENT__WALDUR__CA_FILE: waldur.ca_file: there is no file /missing/ca.pem",
        (
            "WALDUR_IMPORT_AGENT__WALDUR__EFFORT__READ: waldur.effort.read: JSON is needed here, but at character 13: "
            "Expecting value"
        ),
        "WALDUR_IMPORT_AGENT__WALDUR__PAGE_SIZ: waldur.page_siz: unknown key (did you mean 'page_size'?)",
        (
            "WALDUR_IMPORT_AGENT__WALDUR__PAGE_SIZE__MAX: waldur.page_size.max: there is nothing beneath "
            "WALDUR_IMPORT_AGENT__WALDUR__PAGE_SIZE; a list is given as a whole, as JSON"
        ),
    ]


def test_a_wrong_entry_of_a_json_list_names_the_variable(problems: Problems) -> None:
    """Its place is the variable and the key within, a scanner's own errors included."""
    offerings = '[{"uuid": "x", "scanner": {"type": "shelf", "rot": 1}}]'
    assert problems(WALDUR_IMPORT_AGENT__OFFERINGS=offerings) == [
        "WALDUR_IMPORT_AGENT__OFFERINGS: offerings[0].scanner.root: this key is needed, but missing",
        "WALDUR_IMPORT_AGENT__OFFERINGS: offerings[0].scanner.rot: unknown key (did you mean 'root'?)",
        "WALDUR_IMPORT_AGENT__OFFERINGS: offerings[0].uuid: this is not a UUID",
    ]


def test_a_key_of_the_file_keeps_its_place_beside_a_json_section(problems: Problems) -> None:
    """Only what the variable gives is told by its name."""
    text = "waldur: {url: bad, token_file: token}\noffers:\n"
    assert problems(text, WALDUR_IMPORT_AGENT__WALDUR='{"page_size": 0}') == [
        "config.yaml:1:1: offerings: this key is needed, but missing",
        "config.yaml:1:10: waldur.url: this is not a URL that begins with https:// or http://",
        "config.yaml:2:1: offers: unknown key (did you mean 'offerings'?)",
        "WALDUR_IMPORT_AGENT__WALDUR: waldur.page_size: this must be greater than or equal to 1",
    ]


def test_no_value_of_a_variable_stands_in_a_report(problems: Problems) -> None:
    """As for the file."""
    report = problems(
        WALDUR_IMPORT_AGENT__WALDUR__EFFORT="Hunter2Hunter2",
        WALDUR_IMPORT_AGENT__WALDUR__PAGE_SIZE="Hunter2Hunter2",
        WALDUR_IMPORT_AGENT__WALDUR__TOKEN_FILE="Hunter2Hunter2",
        WALDUR_IMPORT_AGENT__WALDUR__URL="Hunter2Hunter2",
    )
    assert len(report) == 4
    assert "Hunter2" not in "".join(report)


def test_a_token_of_the_environment_causes_no_warning(load: Load, directory: Path) -> None:
    """Who can read the configuration file does not matter then."""
    load()
    (directory / "config.yaml").chmod(0o644)
    assert load(WALDUR_IMPORT_AGENT__WALDUR__TOKEN="abc123").warnings == ()
