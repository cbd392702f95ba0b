"""All generated files: where each is, and what makes it."""

from collections.abc import Callable, Mapping
from pathlib import Path

from documentation import (
    command_line,
    configuration,
    exit_codes,
    journal,
    metrics,
    pictures,
    public_api,
    record_form,
    shell,
)

ROOT = Path(__file__).resolve().parents[2]
OUTPUTS: Mapping[str, Callable[[], str]] = {
    "docs/reference/configuration.md": configuration.configuration,
    "docs/reference/scanner-settings.md": configuration.scanners,
    "docs/reference/command-line.md": command_line.command_line,
    "docs/reference/exit-codes.md": exit_codes.exit_codes,
    "docs/reference/record-form.md": record_form.record_form,
    "docs/reference/record-form.schema.json": record_form.schema,
    "docs/reference/metrics.md": metrics.metrics,
    "docs/reference/journal.md": journal.journal,
    "docs/reference/public-api.md": public_api.public_api,
    "docs/states.svg": pictures.states,
    "docs/pictures/round.svg": pictures.a_round,
    "docs/pictures/service.svg": pictures.service,
    "docs/pictures/one-shot.svg": pictures.one_shot,
    "docs/pictures/container.svg": pictures.sidecar,
    "share/man/man1/waldur-import-agent.1": shell.manual_page,
    "share/bash-completion/completions/waldur-import-agent": lambda: shell.completion("bash"),
    "share/zsh/site-functions/_waldur-import-agent": lambda: shell.completion("zsh"),
}
"""Paths from the root of the repository."""


def write() -> None:
    """Write all of them."""
    for path, made in OUTPUTS.items():
        target = ROOT / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(made())
