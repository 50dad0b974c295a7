"""`skyledger bootstrap`: what a platform begins with, as the mutation `bootstrap` makes it."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from app.cli.operator import as_platform_operator
from app.cli.terminal import out
from app.organizations.bootstrap import BootstrapOutcome, bootstrap

COLOURS = {BootstrapOutcome.CREATED: "green", BootstrapOutcome.EXISTED: "dim"}


def run_bootstrap() -> None:
    """Make what is missing, and show of each thing whether it was there."""
    done = as_platform_operator(bootstrap)
    table = Table("what", "name", "outcome", "")
    for one in done:
        table.add_row(
            one.kind.replace("_", " ").lower(),
            one.name,
            f"[{COLOURS[one.outcome]}]{one.outcome.lower()}[/]",
            escape(one.detail),
        )
    out.print(table)
