"""Links are written for who reads in the repository, and lead to the same on the site."""

import pytest

from documentation.site import pointed


@pytest.mark.parametrize(
    ("source", "link", "on_the_site"),
    [
        ("scanners/command.md", "../../examples/command/directories.py", "../examples/command/directories.py.md"),
        ("write-a-scanner.md", "../examples/postgresql/README.md#tests", "examples/postgresql/README.md#tests"),
        ("examples/postgresql/README.md", "pyproject.toml", "pyproject.toml.md"),
        ("examples/postgresql/README.md", "../../docs/conformance.md#the-command", "../../conformance.md#the-command"),
        ("examples/postgresql/README.md", "../../README.md", "../../index.md"),
        ("operations.md", "../README.md", "index.md"),
        ("operations.md", "../LICENSE", "LICENSE"),
        ("container.md", "kubernetes.yaml", "kubernetes.yaml"),
        ("scanners/slurm.md", "../placement.md", "../placement.md"),
        ("operations.md", "../missing.md", "../missing.md"),
        ("operations.md", "#metrics", "#metrics"),
        ("operations.md", "https://waldur.com/", "https://waldur.com/"),
    ],
)
def test_link_leads_to_the_same_on_the_site(source: str, link: str, on_the_site: str) -> None:
    """A file outside docs/ has a page of its own, and what is not there is left for mkdocs to complain of."""
    assert pointed(f"See [this]({link}).", source) == f"See [this]({on_the_site})."
