"""Loading a configuration file: what it becomes, and how everything that is wrong with it is told."""

from collections.abc import Callable
from pathlib import Path

import pytest

from waldur_import_agent.errors import ConfigurationError, ExitCode
from waldur_import_agent.settings.load import Configuration, load_configuration

Load = Callable[..., Configuration]
Problems = Callable[..., list[str]]

WALDUR = "waldur: {url: https://waldur.example.com/, token_file: token}\n"
OFFERINGS = "offerings: [{uuid: 0123456789abcdef0123456789abcdef, scanner: {type: shelf, root: /x}}]\n"


def test_a_good_file_becomes_settings(load: Load, directory: Path) -> None:
    """What is given is taken, what is not has its default, and the scanner's block is validated by its own model."""
    configuration = load()
    assert configuration.settings.waldur.url == "https://waldur.example.com/api"
    assert configuration.settings.poll_interval == 30
    scanner = configuration.scanners[0].model_dump(exclude={"door"})
    assert scanner == {"root": directory / "shelves", "depth": 1, "tags": []}
    assert configuration.warnings == ()


def test_relative_paths_start_from_the_directory_of_the_file(load: Load, directory: Path) -> None:
    """Wherever the agent was started, a relative path of the file means the same, in the raw scanner block too."""
    configuration = load()
    assert configuration.settings.waldur.token_file == directory / "token"
    assert configuration.settings.offerings[0].scanner["root"] == str(directory / "shelves")


def test_a_relative_configuration_path_gives_absolute_paths(
    load: Load, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--config config.yaml` in the file's own directory works, and a later chdir changes nothing."""
    load()
    monkeypatch.chdir(directory)
    configuration = load_configuration(Path("config.yaml"), lambda _: type(load().scanners[0]), {})
    assert configuration.settings.waldur.token_file == directory / "token"


def test_all_problems_come_in_one_report_in_the_order_of_their_places(problems: Problems) -> None:
    """Unknown keys, wrong types, missing keys, missing files and a scanner's own errors, each at its place."""
    assert problems("""\
waldur:
  url: htp//bad
  tokn: x
  token_file: missing
  page_size: 301
offerings:
  - uuid: 0123456789abcdef0123456789abcdef
    scanner: {type: shelf, rot: x, depth: deep, tags: [a, 1]}
    projects:
      rules:
        - {match: '(', value: '{x}', by: name}
      overrides_file: /missing/projects.csv
  - uuid: bbb
    scaner: {}
poll_interval: often
""") == [
        "config.yaml:2:3: waldur.url: this is not a URL that begins with https:// or http://",
        "config.yaml:3:3: waldur.tokn: unknown key (did you mean 'token'?)",
        "config.yaml:4:3: waldur.token_file: there is no such file in DIR",
        "config.yaml:5:3: waldur.page_size: this must be less than or equal to 300",
        "config.yaml:8:5: offerings[0].scanner.root: this key is needed, but missing",
        "config.yaml:8:28: offerings[0].scanner.rot: unknown key (did you mean 'root'?)",
        "config.yaml:8:36: offerings[0].scanner.depth: a whole number is needed",
        "config.yaml:8:59: offerings[0].scanner.tags[1]: a text is needed (put it into quotes)",
        (
            "config.yaml:11:12: offerings[0].projects.rules[0].match: this is not a regular expression: "
            "missing ), unterminated subpattern at position 0"
        ),
        "config.yaml:11:38: offerings[0].projects.rules[0].by: one of 'slug', 'backend_id' or 'uuid' is needed",
        "config.yaml:12:7: offerings[0].projects.overrides_file: there is no file /missing/projects.csv",
        "config.yaml:13:5: offerings[1].scanner: this key is needed, but missing",
        "config.yaml:13:5: offerings[1].uuid: this is not a UUID",
        "config.yaml:14:5: offerings[1].scaner: unknown key (did you mean 'scanner'?)",
        "config.yaml:15:1: poll_interval: a duration is a number with ms, s, m, h or d, like 30s",
    ]


def test_the_report_is_a_configuration_error(load: Load) -> None:
    """So the command ends with the exit code for a wrong configuration."""
    with pytest.raises(ConfigurationError) as caught:
        load("a: 1\n")
    assert caught.value.exit_code == ExitCode.CONFIGURATION


SECRET = "Hunter2Hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"waldur: {{url: '{SECRET}', token_file: '{SECRET}', token: '{SECRET}'}}\n",
        f"waldur: {{url: 'https://u:{SECRET}@x/', token: [{SECRET}], page_size: {SECRET}, read_timeout: {SECRET}}}\n",
        f"waldur: {SECRET}\noffers: {SECRET}\ninstance: '{SECRET} {SECRET}'\n",
        f"waldur: {{token: *{SECRET}}}\n",
        f"waldur: {{token: !{SECRET} x}}\n",
        f"waldur: {{token: !!{SECRET} x}}\n",
        f"waldur: {{token: '{SECRET}\n",
        f"waldur:\n  token: {SECRET}: {SECRET}\n",
        f"waldur: {{token: &{SECRET} x, ca_file: &{SECRET} y}}\n",
        f"waldur: {{token: %{SECRET}}}\n",
        f"- {SECRET}\n",
        f"{SECRET}\n",
        WALDUR + f"offerings: [{{uuid: {SECRET}, scanner: {{type: {SECRET}}}}}]\n",
        WALDUR
        + f"offerings: [{{uuid: 1, scanner: {{type: shelf, depth: {SECRET}, tags: {SECRET}, root: [{SECRET}]}}}}]\n",
    ],
)
def test_no_value_stands_in_a_report(problems: Problems, text: str) -> None:
    """A secret may stand anywhere by mistake, so no value is repeated, whatever is wrong."""
    report = "\n".join(problems(text))
    assert report
    assert SECRET not in report


@pytest.mark.parametrize(
    ("text", "report"),
    [
        ("", "config.yaml:1:1: the file is empty. `waldur-import-agent config init` writes an example"),
        (
            "# only a comment\n",
            "config.yaml:1:1: the file is empty. `waldur-import-agent config init` writes an example",
        ),
        ("- 1\n", "config.yaml:1:1: a mapping of keys to values is needed"),
        ("a:\n  b: [1, 2\n", "config.yaml:3:1: not YAML: while parsing a flow sequence; expected ',' or ']', but got"),
        ("a: 1\n\tb: 2\n", "config.yaml:2:1: not YAML: while scanning for the next token; found character '\\t'"),
        ("a: 1\n---\na: 2\n", "config.yaml:2:1: not YAML: expected a single document in the stream; but found another"),
        ("a: 1\nb: \x07\n", "config.yaml:2:4: not YAML: special characters are not allowed"),
        (b"a: 1\nb: \xff\n", "config.yaml:2:1: this is not UTF-8 text"),
        ("a: !!python/object/apply:os.getcwd []\n", "config.yaml:1:4: not YAML: could not determine a constructor"),
        ("? [a]\n: 1\n", "config.yaml:1:3: not YAML: a key must be a text"),
    ],
)
def test_what_is_no_yaml_mapping_is_told_with_its_place(problems: Problems, text: str | bytes, report: str) -> None:
    """Syntax errors, several documents, other encodings, tags that would run code, and files that say nothing."""
    (line,) = problems(text)
    assert line.startswith(report)


def test_a_doubled_key_is_an_error_with_both_lines(problems: Problems) -> None:
    """YAML readers silently take the last one; somebody would look at the first for a long time."""
    text = (
        WALDUR + "offerings:\n- uuid: 0123456789abcdef0123456789abcdef\n  scanner: {type: shelf, root: /x, root: /y}\n"
    )
    assert problems(text + "grace: 1s\ngrace: 2s\n") == [
        "config.yaml:4:36: offerings[0].scanner.root: this key is already on line 4",
        "config.yaml:6:1: grace: this key is already on line 5",
    ]


@pytest.mark.parametrize("key", ["yes", "on", "0x10", "1", "null"])
def test_a_key_is_the_text_that_was_written(problems: Problems, key: str) -> None:
    """YAML 1.1 would make True of `yes` and 16 of `0x10`, and the report would speak of something that is not there."""
    (line,) = problems(WALDUR + OFFERINGS + f"{key}: x\n")
    assert line.startswith(f"config.yaml:3:1: {key}: unknown key")


def test_aliases_and_merge_keys_work(load: Load) -> None:
    """YAML's own means against repetition: the merged keys count, those beside them win, and none is doubled."""
    configuration = load(
        WALDUR
        + """\
offerings:
  - &first
    uuid: 0123456789abcdef0123456789abcdef
    scanner: &scanner {type: shelf, root: shelves}
    take_over: true
  - <<: *first
    uuid: 1123456789abcdef0123456789abcdef
    scanner: {<<: *scanner, depth: 2}
"""
    )
    second = configuration.settings.offerings[1]
    assert second.take_over
    assert second.uuid.startswith("1123")
    assert second.scanner["depth"] == 2
    assert second.scanner["root"] == configuration.settings.offerings[0].scanner["root"]


def test_an_alias_within_itself_is_no_endless_loop(problems: Problems) -> None:
    """A mapping that holds itself is told like any other wrong value."""
    assert "config.yaml:1:13: waldur.x: unknown key" in "\n".join(problems("waldur: &a {x: *a}\n"))


@pytest.mark.parametrize("written", ["01234567012345670123456701234567", "12345678901234567890123456789012"])
def test_a_uuid_of_digits_stays_what_was_written(load: Load, written: str) -> None:
    """YAML 1.1 would take the first one for an octal number."""
    assert load(WALDUR + OFFERINGS.replace("0123456789abcdef0123456789abcdef", written)).settings.offerings[0].uuid == (
        written
    )


@pytest.mark.parametrize(
    "written", ["1:30", "0x10", "1_000", "1_000.5", ".inf", ".nan", "2024-01-01", "true", "[30s]", "0s"]
)
def test_only_decimal_numbers_are_durations(problems: Problems, written: str) -> None:
    """YAML 1.1's other numbers, sexagesimal 1:30 for one, would mean something that nobody wrote."""
    (line,) = problems(WALDUR + OFFERINGS + f"grace: {written}\n")
    assert line.startswith("config.yaml:3:1: grace: ")


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90", 90), ("1.5", 1.5), ("1.5m", 90), ("'90'", 90), ("2h", 7200), ("1d", 86400)],
)
def test_durations_are_numbers_with_a_unit(load: Load, written: str, seconds: float) -> None:
    """A bare number counts seconds."""
    assert load(WALDUR + OFFERINGS + f"grace: {written}\n").settings.grace == seconds


def test_a_section_without_a_value_is_its_default(load: Load) -> None:
    """Somebody comments out all keys of a section and leaves its name: nothing changes by that."""
    configuration = load(
        WALDUR.replace("}", ", effort: }") + OFFERINGS.replace("scanner", "withdraw: , scanner") + "grace:\n"
    )
    assert configuration.settings.grace == 60
    assert configuration.settings.waldur.effort.claim.within == 15
    assert configuration.settings.offerings[0].withdraw.enabled


def test_an_unknown_key_without_a_value_is_still_an_error(problems: Problems) -> None:
    """Otherwise a misspelt key would be passed over."""
    assert problems(WALDUR + OFFERINGS + "grase:\n") == ["config.yaml:3:1: grase: unknown key (did you mean 'grace'?)"]


def test_changing_one_number_of_an_effort_keeps_the_others(load: Load) -> None:
    """Each kind of call has its own defaults; those of `finish` are not those of a plain retry."""
    finish = load(WALDUR.replace("}", ", effort: {finish: {attempts: 20}}}") + OFFERINGS).settings.waldur.effort.finish
    assert finish.model_dump() == {"attempts": 20, "within": 600, "wait_min": 2, "wait_max": 60}


def test_the_same_offering_twice_is_an_error(problems: Problems) -> None:
    """Two tasks would answer the same requests."""
    entry = "{uuid: 0123456789abcdef0123456789abcdef, scanner: {type: shelf, root: /x}}"
    assert problems(WALDUR + f"offerings: [{entry}, {entry.replace('0123456789a', '0123456789A')}]\n") == [
        "config.yaml:1:1: offerings[0] and offerings[1] have the same uuid"
    ]


def test_no_offering_is_an_error(problems: Problems) -> None:
    """An agent without an offering would do nothing and look well."""
    assert problems(WALDUR + "offerings: []\n") == ["config.yaml:2:1: offerings: this is too short: the least is 1"]


@pytest.mark.parametrize("token", ["", "token_file: token, token: abc,"])
def test_exactly_one_way_to_give_the_token(problems: Problems, token: str) -> None:
    """None is no way to log in; with two nobody knows which one counts."""
    assert problems(f"waldur: {{{token} url: 'https://x/'}}\n" + OFFERINGS) == [
        "config.yaml:1:1: waldur: exactly one of token_file and token is needed"
    ]


def test_a_scanner_that_does_not_exist_is_one_problem_among_others(problems: Problems) -> None:
    """The error of whoever knows the scanners stands at `type`."""
    assert problems(WALDUR + OFFERINGS.replace("shelf", "shelve") + "grace: x\n") == [
        "config.yaml:2:64: offerings[0].scanner.type: there is no scanner with this name",
        "config.yaml:3:1: grace: a duration is a number with ms, s, m, h or d, like 30s",
    ]


@pytest.mark.parametrize("block", ["{root: /x}", "{type: 1, root: /x}"])
def test_a_scanner_block_needs_its_type(problems: Problems, block: str) -> None:
    """Without it nobody knows what the other keys mean."""
    assert problems(WALDUR + OFFERINGS.replace("{type: shelf, root: /x}", block)) == [
        "config.yaml:2:54: offerings[0].scanner: `type` is missing: the name of a scanner, like slurm"
    ]


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("ca_file", "there is no file DIR/missing.pem"),
        ("client_certificate", "there is no file DIR/missing.pem"),
        ("client_key", "there is no such file in DIR"),
    ],
)
def test_files_that_are_named_must_be_there(problems: Problems, key: str, told: str) -> None:
    """At the start, not in the middle of the first round; what may be a secret itself is not repeated."""
    assert problems(WALDUR.replace("}", f", {key}: missing.pem}}") + OFFERINGS) == [
        f"config.yaml:1:63: waldur.{key}: {told}"
    ]


def test_a_file_that_cannot_be_opened_is_told_with_the_reason(problems: Problems, directory: Path) -> None:
    """A directory, a loop of links, and a name that no file can have."""
    (directory / "loop").symlink_to("loop")
    text = WALDUR.replace("}", ', ca_file: ., client_key: loop, client_certificate: "a\\0b"}') + OFFERINGS
    assert [line.split(": ", 1)[1] for line in problems(text)] == [
        "waldur.ca_file: this file cannot be read: Is a directory",
        "waldur.client_key: this file cannot be read: Too many levels of symbolic links",
        "waldur.client_certificate: this is no file name",
    ]


def test_a_missing_configuration_is_told_with_what_writes_one(directory: Path) -> None:
    """The first thing that happens to everybody."""
    with pytest.raises(
        ConfigurationError, match=r"nothing\.yaml: this file does not exist. `waldur-import-agent config"
    ):
        load_configuration(directory / "nothing.yaml", lambda _: type(None), {})  # type: ignore[arg-type,return-value]  # never called: there is no file


def test_a_configuration_that_cannot_be_read_is_told_with_the_reason(directory: Path) -> None:
    """A directory here; a missing permission reads alike."""
    with pytest.raises(ConfigurationError, match="this file cannot be read: Is a directory"):
        load_configuration(directory, lambda _: type(None), {})  # type: ignore[arg-type,return-value]  # never called: there is no file


def test_a_token_file_that_everybody_can_read_is_a_warning(load: Load, directory: Path) -> None:
    """The agent runs, since some platforms mount secrets so; the operator is told."""
    (directory / "token").chmod(0o644)
    (warning,) = load().warnings
    assert "config.yaml:3:3: waldur.token_file: every user of this host can read the token: " in warning
    assert warning.endswith("chmod o-r")


def test_a_token_in_a_configuration_that_everybody_can_read_is_a_warning(load: Load, directory: Path) -> None:
    """The same holds for the configuration itself where the token stands in it, and only there."""
    text = "waldur: {url: 'https://x/', token: abc123}\n" + OFFERINGS
    load(text)
    (directory / "config.yaml").chmod(0o644)
    assert [": waldur.token: every user" in warning for warning in load(text).warnings] == [True]
    (directory / "config.yaml").chmod(0o640)
    assert load(text).warnings == ()
    (directory / "config.yaml").chmod(0o644)
    assert load(WALDUR + OFFERINGS).warnings == ()


def test_a_byte_order_mark_is_no_error(load: Load) -> None:
    """Some editors write one."""
    assert load(b"\xef\xbb\xbf" + (WALDUR + OFFERINGS).encode()).settings.instance == "default"


PROJECTS = (
    "offerings:\n  - uuid: 0123456789abcdef0123456789abcdef\n    scanner: {type: shelf, root: /x}\n    projects: "
)


@pytest.mark.parametrize(
    ("projects", "said"),
    [
        ("{sources: [directory, visible]}", "`sources` names directory, but directory_file is not given"),
        (
            "{sources: [visible], directory_file: token}",
            "directory_file is given, but `sources` does not name directory",
        ),
    ],
)
def test_a_directory_needs_its_file_and_its_place(problems: Problems, projects: str, said: str) -> None:
    """A source that gives nothing, or a file that nobody reads, is a mistake."""
    (problem,) = problems(f"{WALDUR}{PROJECTS}{projects}\n")
    assert problem.endswith(f": offerings[0].projects: {said}")


@pytest.mark.parametrize(
    ("projects", "asked"),
    [
        ("{}", ("service_provider", "visible", "resources")),
        ("{directory_file: token}", ("directory",)),
        ("{directory_file: token, sources: [visible, directory]}", ("visible", "directory")),
        ("{sources: [resources]}", ("resources",)),
    ],
)
def test_which_sources_of_projects_are_asked(load: Load, projects: str, asked: tuple[str, ...]) -> None:
    """By default all but the directory; with a directory file it alone; else what is named, in its order."""
    settings = load(f"{WALDUR}{PROJECTS}{projects}\n").settings
    assert settings.offerings[0].projects.sources_in_use == asked


def test_a_holding_project_is_warned_of(load: Load) -> None:
    """Whoever configures one is told what a site agent does to the accounts in it, with the place of the setting."""
    (warning,) = load(f"{WALDUR}{PROJECTS}{{holding_project: storage}}\n").warnings
    assert "config.yaml:5:" in warning
    assert "offerings[0].projects.holding_project: waldur-site-agent takes users off" in warning
    assert "move_resource" in warning


SHORT = "a secret of fewer than 6 characters is not taken out of logs and error messages: take a longer one"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("waldur: {url: 'https://x/', token: abc12}\n" + OFFERINGS, "config.yaml:1:29: waldur.token"),
        (WALDUR.replace("}", ", proxy: 'http://me:abc12@proxy:3128/'}") + OFFERINGS, "config.yaml:1:63: waldur.proxy"),
        (
            WALDUR + OFFERINGS.replace("/x", "/x, door: {code: abc12}"),
            "config.yaml:2:94: offerings[0].scanner.door.code",
        ),
    ],
)
def test_a_secret_that_is_too_short_to_be_taken_out_of_texts_is_a_warning(
    load: Load, directory: Path, text: str, place: str
) -> None:
    """Nobody chooses such a one, but test systems have them; a character more is enough."""
    load(text)
    (directory / "config.yaml").chmod(0o600)
    assert load(text).warnings == (f"{directory}/{place}: {SHORT}",)
    assert load(text.replace("abc12", "abc123")).warnings == ()


def test_a_short_token_in_its_file_is_a_warning(load: Load, directory: Path) -> None:
    """Only the first line is the token."""
    (directory / "token").write_bytes(b" abc12 \nmade for the test system\n")
    assert load().warnings == (f"{directory}/config.yaml:3:3: waldur.token_file: {SHORT}",)
    (directory / "token").write_bytes(b"")
    assert load().warnings == ()
