"""Links are written for who reads in the repository, and lead to the same on the site."""

import pytest

from documentation.site import outputs_marked, pointed


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


def test_output_of_a_terminal_is_what_has_not_the_prompt_of_its_first_line() -> None:
    """A comment that a command printed is no command of root, whatever the lexer makes of it; commands stay."""
    lines = (
        '<span class="gp">$ </span>cat<span class="w"> </span>a',
        '<span class="gp"># </span>of&lt;b&gt;',
        "",
        "c: 1",
    )
    again = '<span class="gp">$ </span>ls'
    page = "<p>$ no</p><pre><code>{}</code></pre><code>x</code>"
    marked = "".join(f'<span class="go output">{line}\n</span>' for line in ("# of&lt;b&gt;", "", "c: 1"))
    assert outputs_marked(page.format("\n".join([*lines, again]) + "\n")) == page.format(
        f"{lines[0]}\n{marked}{again}\n"
    )


def test_what_root_types_is_no_output() -> None:
    """In a terminal of root each line with his prompt is a command, and so is what continues one."""
    page = (
        '<code><span class="gp"># </span>one<span class="se">\\</span>\n  more\n<span class="gp"># </span>two\n</code>'
    )
    assert outputs_marked(page) == page
