"""Each check of the conformance kit can fail, and says what is wrong."""

import pytest

from unit.scanners.testing.broken import BROKEN, Broken
from waldur_import_agent.scanners.testing import Status
from waldur_import_agent.scanners.testing.report import check_requirement
from waldur_import_agent.scanners.testing.requirements import REQUIREMENTS

BY_NAME = {requirement.name: requirement for requirement in REQUIREMENTS}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: f"{broken.check}: {broken.words[:40]}")
def test_a_broken_scanner_fails_the_check_of_what_it_breaks(broken: Broken) -> None:
    """With words that tell whoever wrote it what to mend."""
    result = check_requirement(broken.make(), BY_NAME[broken.check])
    assert result.status is Status.FAIL
    assert broken.words in result.detail


def test_there_is_a_broken_scanner_for_each_check() -> None:
    """A new check comes with what makes it fail."""
    assert {broken.check for broken in BROKEN} == BY_NAME.keys()
