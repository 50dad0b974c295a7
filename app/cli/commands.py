"""The commands and their options; each does its work in a file of its own, imported when it is called.

Imports stand inside the commands: `skyledger --help` takes a tenth of a second, the whole server takes more than one.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="skyledger", no_args_is_help=True, pretty_exceptions_enable=False, help="Multi-cloud cost and waste platform."
)
imports = typer.Typer(
    no_args_is_help=True,
    help="Import files of resources or costs. Exit code 3: the file was read, but rows of it were refused.",
)
keys = typer.Typer(
    no_args_is_help=True, help="Make secrets, rotate the key of stored credentials, and make, list and revoke API keys."
)
jobs = typer.Typer(no_args_is_help=True, help="Look at background jobs, and have those that were given up run again.")
exports = typer.Typer(no_args_is_help=True, help="Write files of costs.")
audit = typer.Typer(no_args_is_help=True, help="Verify the audit, and keep anchors of it elsewhere.")
documents = typer.Typer(no_args_is_help=True, help="Publish, list and withdraw documents that frontends name by id.")
app.add_typer(audit, name="audit")
app.add_typer(documents, name="documents")
app.add_typer(imports, name="import")
app.add_typer(exports, name="export")
app.add_typer(keys, name="keys")
app.add_typer(jobs, name="jobs")

Parent = Annotated[int | None, typer.Option(hidden=True, help="Process whose end ends this one.")]
Organization = Annotated[str, typer.Option("--organization", "-o", help="Slug of the organization.")]


def main() -> None:
    """Entry of the console script."""
    app()


@app.command()
def demo() -> None:
    """Start everything with an example organization; Ctrl-C stops it all, the next start keeps the data."""
    from app.cli.ahead import ApiAhead

    # Before all else: it loads for more than a second, beside what this process loads and starts.
    with ApiAhead() as api:
        from app.cli.demo import run_demo

        run_demo(api)


@app.command()
def serve(
    *,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on, instead of SKYLEDGER_PORT.")
    ] = None,
    with_worker: Annotated[bool, typer.Option("--with-worker", help="Start a worker beside the API.")] = False,
    told_by: Annotated[int | None, typer.Option(hidden=True, help="Socket on which the port is told.")] = None,
    parent: Parent = None,
) -> None:
    """Serve the graph."""
    from app.cli.serve import run_serve

    run_serve(port=port, with_worker=with_worker, told_by=told_by, parent=parent)


@app.command()
def worker(*, parent: Parent = None) -> None:
    """Work on background jobs."""
    from app.cli.serve import run_background_worker

    run_background_worker(parent)


@app.command()
def migrate() -> None:
    """Bring the tables up to date; one transaction, safe to repeat."""
    from app.cli.migrate import run_migrate

    run_migrate()


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(help="Folder to make, or a file that ends in .tar.")],
    *,
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="Copy the generated keys of the data folder too: it opens everything.")
    ] = False,
) -> None:
    """Copy everything while it runs: the database as of one moment, and the uploads that lie in a folder.

    The role of SKYLEDGER_DATABASE_URL has to see all rows: a superuser, or one with BYPASSRLS. A tar file needs twice
    its size on the disk while it is made.
    """
    from app.cli.backup import run_backup

    run_backup(target, with_keys=with_keys)


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="Folder or .tar file that `skyledger backup` has made.")],
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in the place of what is in the database and the folders now.")
    ] = False,
) -> None:
    """Bring a backup back into an empty database; stop API and workers first.

    Each table is counted and compared with the backup before it takes the place of what was there.
    """
    from app.cli.backup import run_restore

    run_restore(source, replace=replace)


@app.command()
def bootstrap() -> None:
    """Make what a platform begins with: plans, and a plan for every organization; safe to repeat."""
    from app.cli.bootstrap import run_bootstrap

    run_bootstrap()


@app.command("export-schema")
def export_schema(
    path: Annotated[Path, typer.Argument(help="File to write.")] = Path("schema.graphql"),
    *,
    check: Annotated[bool, typer.Option("--check", help="Only tell whether the file is current.")] = False,
) -> None:
    """Write the graph's schema, sorted."""
    from app.cli.schema import run_export

    run_export(path, check=check)


@app.command()
def explain(
    file: Annotated[Path, typer.Argument(help="File with the query.")],
    organization: Organization,
    *,
    variables: Annotated[str, typer.Option(help="Its variables, a JSON object.")] = "{}",
    operation: Annotated[str | None, typer.Option(help="Name of the operation, where the file has several.")] = None,
) -> None:
    """Run a query and tell how: levels, kinds of fields, statements and their estimated cost."""
    from app.cli.explain import run_explain

    run_explain(file, organization, variables, operation)


@app.command()
def doctor() -> None:
    """Look at the configuration and say what is wrong and how to mend it."""
    from app.cli.doctor import run_doctor

    run_doctor()


@app.command()
def permissions(provider: Annotated[str, typer.Argument(help="aws, azure or gcp.")]) -> None:
    """Print the least that Skyledger has to be allowed in a cloud."""
    from app.cli.permissions import run_permissions

    run_permissions(provider)


@imports.command("resources")
def import_resources(
    file: Annotated[Path, typer.Argument(help="CSV, CSV.gz or JSON lines.")], organization: Organization
) -> None:
    """Import resources; columns as in samples/resources.csv."""
    from app.cli.imports import run_import_resources

    run_import_resources(file, organization)


@imports.command("costs")
def import_costs(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="FOCUS 1.0 to 1.4 as CSV, gzip CSV, Parquet or JSON lines; or a folder or manifest of them."
        ),
    ],
    organization: Organization,
    dataset: Annotated[str, typer.Option(help="Name of this stream of rows.")] = "default",
    mode: Annotated[
        str, typer.Option(help="replace: its billing periods take the place of older ones. append: rows are added.")
    ] = "replace",
    currency: Annotated[str | None, typer.Option(help="ISO 4217 code for rows without BillingCurrency.")] = None,
    accept_rejects: Annotated[
        str, typer.Option(help="Share of rows that may be unusable; with more, nothing is imported.")
    ] = "5%",
) -> None:
    """Import FOCUS costs: all at once or nothing, and the same files again change nothing.

    Give all parts of a month together: each import takes the place of what the dataset has of the same billing account
    and billing period.
    """
    from app.cli.cost_imports import run_import_costs

    run_import_costs(paths, organization, dataset, mode, currency, accept_rejects)


@exports.command("costs")
def export_costs(
    file: Annotated[Path, typer.Argument(help="File to write; an older one is replaced.")],
    organization: Organization,
    period: Annotated[str, typer.Option(help="Month, 2026-10, or days, 2026-10-01..2026-11-01 (end exclusive).")],
    focus_version: Annotated[str, typer.Option(help="Release of FOCUS: 1.2, 1.3 or 1.4.")] = "1.4",
    form: Annotated[
        str | None,
        typer.Option("--format", help="csv, csv.gz or parquet; what FILE ends in when left out, else parquet."),
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="One stream of rows only; all when left out.")] = None,
) -> None:
    """Write the charges that start in a period."""
    from app.cli.exports import run_export_costs

    run_export_costs(file, organization, period, focus_version, form, dataset)


@imports.command("rates")
def import_rates(
    file: Annotated[Path, typer.Argument(help="CSV with a date and a column for each currency: units for one euro.")],
    organization: Organization,
    currency: Annotated[
        str | None, typer.Option(help="Rates into this currency; the organization's if left out.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Only days from this one on, such as 2025-01-01.")] = None,
) -> None:
    """Import currency rates as the European Central Bank publishes them, such as eurofxref-hist.csv."""
    from app.cli.rates import run_import_rates

    run_import_rates(file, organization, currency, since)


@keys.command("secret")
def keys_secret() -> None:
    """Print a fresh random secret, for SKYLEDGER_SECRET_KEY or SKYLEDGER_ROOT_KEY."""
    from app.cli.keys import run_secret

    run_secret()


@keys.command("credential")
def keys_credential() -> None:
    """Print a fresh key that seals credentials of accounts, for SKYLEDGER_CREDENTIAL_KEYS."""
    from app.cli.keys import run_credential

    run_credential()


@keys.command("rotate")
def keys_rotate() -> None:
    """Put credentials of accounts and second factors under another key, while everything runs; safe to repeat.

    Without SKYLEDGER_CREDENTIAL_KEYS a new key is made. With it, in two steps, so that every process can open what any
    other has sealed: add the new key at its end and restart all processes; then put it first and restart them, run
    this, and remove the old key.
    """
    from app.cli.rotate import run_rotate

    run_rotate()


@keys.command("create")
def keys_create(
    organization: Organization,
    name: Annotated[str, typer.Option(help="What the key is for.")],
    scope: Annotated[list[str] | None, typer.Option(help="Scope; repeat for several. Reading alone if none.")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Days until it expires; never if left out.")] = None,
) -> None:
    """Make an API key and print it, once."""
    from app.cli.keys import run_create

    run_create(organization, name, scope or ["organization:read"], days)


@keys.command("list")
def keys_list(organization: Organization) -> None:
    """List an organization's API keys."""
    from app.cli.keys import run_list

    run_list(organization)


@keys.command("revoke")
def keys_revoke(
    organization: Organization, key_id: Annotated[str, typer.Argument(help="Id as `keys list` shows it.")]
) -> None:
    """Revoke an API key; it stops working within five seconds."""
    from app.cli.keys import run_revoke

    run_revoke(organization, key_id)


@audit.command("verify")
def audit_verify(
    organization: Annotated[
        str | None, typer.Option("--organization", "-o", help="Slug of the organization; all if left out.")
    ] = None,
    anchor: Annotated[
        Path | None, typer.Option(help="File of lines that `audit anchor` gave: shows that the last rows are there.")
    ] = None,
) -> None:
    """Tell whether a row of the audit was edited, deleted or moved, and which is the first."""
    from app.cli.audit import run_verify

    run_verify(organization, anchor)


@audit.command("anchor")
def audit_anchor(
    organization: Annotated[
        str | None, typer.Option("--organization", "-o", help="Slug of the organization; all if left out.")
    ] = None,
) -> None:
    """Print the ends of the chains as JSON lines, to be kept where nobody who could change the audit can."""
    from app.cli.audit import run_anchor

    run_anchor(organization)


@audit.command("erase")
def audit_erase(
    organization: Organization, user_id: Annotated[str, typer.Argument(help="Id of the person, a UUID.")]
) -> None:
    """Erase what the audit tells of a person's acts beyond their ids; it says so in a row of its own."""
    from app.cli.audit import run_erase

    run_erase(organization, user_id)


@jobs.command("list")
def jobs_list(
    state: Annotated[str, typer.Option(help="QUEUED, RUNNING, SUCCEEDED or DEAD.")] = "DEAD",
    kind: Annotated[str | None, typer.Option(help="Only of this kind, such as run_scan.")] = None,
    first: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 100,
) -> None:
    """List background jobs of all organizations, the newest first, with why they failed."""
    from app.cli.jobs import run_list

    run_list(state, kind, first)


@jobs.command("requeue")
def jobs_requeue(job_id: Annotated[str, typer.Argument(help="Id as `jobs list` shows it.")]) -> None:
    """Have a dead job run again, once, with all its attempts."""
    from app.cli.jobs import run_requeue

    run_requeue(job_id)


@documents.command("publish")
def documents_publish(
    paths: Annotated[
        list[Path],
        typer.Argument(help="*.graphql files, manifests of relay-compiler or of Apollo, or folders of them."),
    ],
) -> None:
    """Publish documents: all of them, or none where one is wrong; what is there already stays.

    The id of a document is `sha256:` and the SHA-256 of its exact text. Servers that run find it at once.
    """
    from app.cli.documents import run_publish

    run_publish(paths)


@documents.command("list")
def documents_list() -> None:
    """List the documents that are published, the newest last."""
    from app.cli.documents import run_list

    run_list()


@documents.command("withdraw")
def documents_withdraw(
    ids: Annotated[list[str], typer.Argument(help="Ids as `documents list` shows them.")],
) -> None:
    """Withdraw documents; servers refuse them within four seconds."""
    from app.cli.documents import run_withdraw

    run_withdraw(ids)
