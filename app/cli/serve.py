"""`skyledger serve` and `skyledger worker`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version

from app.cli.ahead import told_port
from app.cli.listen import listen
from app.cli.processes import Children, end_with_parent
from app.cli.terminal import Engines, engines_of, fail, settings_or_exit
from app.config import Settings
from app.errors import ConfigurationError
from app.loading import loading


def run_serve(
    *, port: int | None = None, with_worker: bool = False, told_by: int | None = None, parent: int | None = None
) -> None:
    """Serve until SIGINT or SIGTERM; running operations are finished first. `told_by` is a socket as in ApiAhead."""
    end_with_parent(parent)
    if told_by is not None:
        _load()
        port = told_port(told_by)
    settings = settings_or_exit()
    if port is not None:
        settings = settings.model_copy(update={"port": port})
    with closing(listen(settings)) as listener:  # first: a port that is taken is told at once
        _load()
        from app.logging import configure_logging  # noqa: PLC0415
        from app.main import run_api  # noqa: PLC0415

        configure_logging(settings.log_level, settings.log_format)
        with engines_of(settings) as engines:
            _look_at_tables(settings, engines)
            children = Children()
            if with_worker:
                children.add("worker")

            def tend() -> None:
                children.tend()
                engines.renew()

            try:
                with observed(settings, "skyledger-api"):
                    run_api(settings, engines.urls, listener, tend=tend)
            finally:
                children.stop(settings.shutdown_seconds + 2)


def _load() -> None:
    """Load the server, which takes more than a second and `--help` does without."""
    with loading():
        import app.logging  # noqa: PLC0415
        import app.main  # noqa: F401, PLC0415


def run_background_worker(parent: int | None = None) -> None:
    """Work until SIGINT or SIGTERM."""
    end_with_parent(parent)
    settings = settings_or_exit()
    with loading():
        from app.logging import configure_logging  # noqa: PLC0415  (as all of the worker, half a second)
        from app.workers import run_worker  # noqa: PLC0415

    configure_logging(settings.log_level, settings.log_format)
    with engines_of(settings) as engines:
        _look_at_tables(settings, engines)
        try:
            with observed(settings, "skyledger-worker"):
                run_worker(settings, engines.urls, tend=engines.renew)
        except RuntimeError as error:
            raise fail(str(error)) from None


@contextmanager
def observed(settings: Settings, service: str) -> Iterator[None]:
    """Send spans and error reports for as long as the block runs, where the settings say where to.

    Ends the command where what they need is not installed.
    """
    from app import error_reports, tracing  # noqa: PLC0415  (with the rest of the process)

    release = version("skyledger")
    try:
        if settings.otlp_endpoint is not None:
            tracing.start(settings.otlp_endpoint, service, release)
        if settings.sentry_dsn is not None:
            error_reports.start(settings.sentry_dsn.get_secret_value(), settings.environment, release)
    except ConfigurationError as error:
        raise fail(str(error)) from None
    try:
        yield
    finally:
        tracing.stop()
        error_reports.stop()


def _look_at_tables(settings: Settings, engines: Engines) -> None:
    """Log why a process cannot work yet. It starts all the same, and works once that is mended."""
    import structlog  # noqa: PLC0415  (see above)

    from app.cli.migrate import complaint_about_tables  # noqa: PLC0415

    complaint = complaint_about_tables(settings, engines.urls)
    if complaint is not None:
        structlog.stdlib.get_logger(__name__).warning("database_not_ready", reason=complaint)
