"""Every message that tells a person to act has its place in docs/troubleshooting.md, and nothing else has."""

from pathlib import Path

import pytest

import waldur_import_agent
from support.descriptions import DESCRIPTIONS
from support.messages import Message, messages
from support.troubleshooting import PAGE, entries

PACKAGE = Path(waldur_import_agent.__file__).parent

FORMS = {
    "raise AgentError('a plain text')": "a plain text",
    "raise AgentError(f'{name} is {state}, which is wrong')": "… is …, which is wrong",
    "raise AgentError('one text ' + f'and {name} more')": "one text and … more",
    "raise Derived('of a derived class')": "of a derived class",
    "message = f'made before, of {name}'\n    raise AgentError(message)": "made before, of …",
    "raise AgentError(str(name), remedy='Mend the thing')": "Mend the thing",
    "raise AgentError(str(name), remedy=REMEDY)": "Do as the constant says",
    "raise OfWaldur('GET', name, None, f'no answer of {name}')": "no answer of …",
    "return failed(name, f'{name} cannot be used', 'Use another')": "… cannot be used",
    "return warned(name, str(name), 'Use another one')": "Use another one",
    "return Check(name, CheckStatus.WARN, 'only half of it', 'See why')": "only half of it",
    "self.log.warning('something is odd', name=name)": "something is odd",
    "tell = self.log.error if name else self.log.debug\n    tell('told by either')": "told by either",
    "raise ValueError('this is no number')": "this is no number",
    "warnings.append(f'the file {name} is old')": "the file … is old",
    "self.problems.add('two of them differ')": "two of them differ",
    "return Placement(None, 'no rule speaks of it')": "no rule speaks of it",
    "return f'{name} has stopped'": "… has stopped",
    "return None, f'{name} is left out'": "… is left out",
    "yield Problem(name, 0, 0, name, f'there is no {name} here')": "there is no … here",
    "yield Fault(1, 1, 'this is no YAML')": "this is no YAML",
    "sys.stderr.write(f'not healthy: {name}')": "not healthy: …",
    "return _failed(f'a bug in {name}', 70)": "a bug in …",
    "yield f'two agents on {name}. Stop one of them'": "two agents on …. Stop one of them",
}
MODULE = """\
from pydantic import BaseModel
REMEDY = "Do as the constant says"
class AgentError(Exception): ...
class Derived(AgentError): ...
class WaldurError(AgentError): ...
class OfWaldur(WaldurError): ...
def function(self, name):
    {statement}
"""
NO_MESSAGES = (
    "raise AgentError(str(name), remedy=name.remedy)",
    "return passed(name, 'all is well')",
    "return Check(name, CheckStatus.PASS, 'all is well')",
    "self.log.info('round started')",
    "raise KeyError('inside only')",
    "return 'word'",
    "sys.stdout.write('a result of the command')",
    "return Placement(project, 'rule 1 speaks of it')",
)


def found_in(directory: Path, statement: str) -> list[Message]:
    """The messages of a package with this statement in a function."""
    (directory / "module.py").write_text(MODULE.format(statement=statement))
    return messages(directory)


@pytest.fixture(scope="module")
def product() -> list[Message]:
    """The messages of the product."""
    return messages(PACKAGE)


def test_each_message_has_an_entry(product: list[Message]) -> None:
    """What a person may read in a log, a table or a request is found on the page, word for word."""
    listed = {message for entry in entries(PAGE.read_text()) for message in entry.messages}
    missing = [
        f"{message.key}  ({message.places[0]})" for message in product if message.key not in listed | DESCRIPTIONS
    ]
    assert not missing, "\n".join(["write an entry for:", *missing])


def test_each_entry_is_of_a_message(product: list[Message]) -> None:
    """No entry is about a message that the product no longer has, and none stands twice."""
    listed = [message for entry in entries(PAGE.read_text()) for message in entry.messages]
    assert sorted(listed) == sorted(set(listed))
    assert set(listed) <= {message.key for message in product}


def test_what_needs_no_entry_is_still_said(product: list[Message]) -> None:
    """A sentence that asks for nothing is known as such only as long as the product has it, and has no entry."""
    listed = {message for entry in entries(PAGE.read_text()) for message in entry.messages}
    assert {message.key for message in product} - listed == DESCRIPTIONS


def test_each_entry_says_what_to_do() -> None:
    """Each heading has its messages and an advice, and is an anchor of its own."""
    found = entries(PAGE.read_text())
    assert [entry.heading for entry in found if not entry.messages or "**Do:**" not in entry.advice] == []
    assert len({entry.heading for entry in found}) == len(found)


@pytest.mark.parametrize(("statement", "text"), FORMS.items(), ids=FORMS.values())
def test_a_message_is_recognised_in_each_form(tmp_path: Path, statement: str, text: str) -> None:
    """Whatever way the source makes a message, the list has it: a new one cannot be left out of the page."""
    assert [message.text for message in found_in(tmp_path, statement)] == [text]


def test_a_table_holds_messages(tmp_path: Path) -> None:
    """Words by the name of what is wrong, also in a table of tables; a name in them is a gap."""
    table = (
        "WORDS = {'missing': 'this key is missing', 'more': {'enum': 'one of {expected} is needed', 'name': 'text'}}"
    )
    (tmp_path / "module.py").write_text(table)
    assert [message.text for message in messages(tmp_path)] == ["this key is missing", "one of … is needed"]


def test_a_text_of_another_module_is_followed(tmp_path: Path) -> None:
    """A message that is kept in one module and told in another."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "texts.py").write_text("TEXT = 'a longer one is needed'")
    (tmp_path / "module.py").write_text(
        "from package.inner.texts import TEXT\ndef tell(name): yield Problem(name, 1, 1, name, TEXT)"
    )
    assert [message.text for message in messages(tmp_path)] == ["a longer one is needed"]


@pytest.mark.parametrize("part", ["cli", "testing", "sandbox"])
def test_results_of_commands_are_no_messages(tmp_path: Path, part: str) -> None:
    """What a command shows as its result is no message; an error there is one."""
    (tmp_path / part).mkdir()
    (tmp_path / part / "module.py").write_text(MODULE.format(statement="return 'three resources are found'"))
    assert messages(tmp_path) == []
    (tmp_path / part / "module.py").write_text(MODULE.format(statement="raise AgentError('no resource is found')"))
    assert [message.text for message in messages(tmp_path)] == ["no resource is found"]


@pytest.mark.parametrize("statement", NO_MESSAGES)
def test_what_asks_for_nothing_is_no_message(tmp_path: Path, statement: str) -> None:
    """Good news, and the words of another that are passed on, need no entry."""
    assert found_in(tmp_path, statement) == []


def test_a_long_message_is_looked_for_by_its_beginning(tmp_path: Path) -> None:
    """Nobody compares more than a line."""
    (message,) = found_in(tmp_path, f"raise AgentError('{'word ' * 60}')")
    assert message.key.startswith("word word")
    assert len(message.key) <= 112
    assert message.key.endswith(" …")
