"""`skyledger serve` and `skyledger worker`."""

from __future__ import annotations

from contextlib import closing

from app.cli.listen import listen
from app.cli.migrate import bring_up_to_date
from app.cli.processes import Children, end_with_parent
from app.cli.terminal import engines_of, settings_or_exit
from app.config import Settings
from app.embedded import EngineUrls
from app.logging import configure_logging
from app.main import run_api
from app.workers import run_worker


def run_serve(*, port: int | None = None, with_worker: bool = False, parent: int | None = None) -> None:
    """Serve until SIGINT or SIGTERM; running operations are finished first."""
    end_with_parent(parent)
    settings = settings_or_exit()
    if port is not None:
        settings = settings.model_copy(update={"port": port})
    configure_logging(settings.log_level, settings.log_format)
    with closing(listen(settings)) as listener, engines_of(settings) as engines:
        migrate_embedded(settings, engines.urls)
        children = Children()
        if with_worker:
            children.add("worker")

        def tend() -> None:
            children.tend()
            engines.renew()

        try:
            run_api(settings, engines.urls, listener, tend=tend)
        finally:
            children.stop(settings.shutdown_seconds + 2)


def run_background_worker(parent: int | None = None) -> None:
    """Work until SIGINT or SIGTERM."""
    end_with_parent(parent)
    settings = settings_or_exit()
    configure_logging(settings.log_level, settings.log_format)
    with engines_of(settings) as engines:
        migrate_embedded(settings, engines.urls)
        run_worker(settings, engines.urls, tend=engines.renew)


def migrate_embedded(settings: Settings, urls: EngineUrls) -> None:
    """The embedded database has no administrator who would run `skyledger migrate`."""
    if settings.database_url is None:
        bring_up_to_date(urls.database_url)
