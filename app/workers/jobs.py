"""What workers do: the functions of the outbox's job kinds, and what is done by the clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from uuid import UUID

from app.auth.identity_mails import SEND_JOB
from app.costs.allocation.figures import FIGURES_JOB, count_tag_keys
from app.costs.allocation.runs import ALLOCATION_JOB, run_allocation
from app.costs.exports.files import ExportTools
from app.costs.exports.run import run_export
from app.costs.exports.start import RUN_EXPORT_JOB
from app.costs.watch import CHECK_COSTS_JOB, LOOK_AT_CHARGES_JOB, check_costs
from app.demo.top_up import TOP_UP_JOB, run_top_up
from app.errors import BadUserInputError
from app.exporting.run import BulkTools
from app.exporting.run import run_export as run_bulk_export
from app.exporting.start import RUN_EXPORT_JOB as RUN_BULK_EXPORT_JOB
from app.notifications.identity import send_identity_mail
from app.notifications.tools import MailTools
from app.notifications.webhooks import tell_of_webhook
from app.organizations.change import PURGE_JOB
from app.organizations.purge import purge
from app.pricing.refresh import REFRESH_JOB, PriceTools, refresh_prices
from app.privacy.archive import ARCHIVE_JOB, make_archive
from app.providers.registry import tagger
from app.recommendations.deletion_tags import TAG_JOB
from app.recommendations.everywhere import look_everywhere
from app.recommendations.jobs import (
    LOOK_JOB,
    MEASURE_JOB,
    look_for_waste,
    look_for_waste_in_charges,
    measure_usage,
)
from app.recommendations.measure import MeasureTools
from app.recommendations.prices import look_again_everywhere
from app.recommendations.tagging_job import TagTools, tag_for_deletion
from app.records.recommendations import LOOK_EVERYWHERE_JOB
from app.records.webhooks import DELIVER_JOB, TELL_JOB
from app.scanning.run import run_scan
from app.scanning.schedule import SCHEDULE_JOB, start_scheduled_scans
from app.scanning.start import RUN_SCAN_JOB
from app.scanning.tools import ScanTools
from app.sourcing.run import run_cost_source
from app.sourcing.schedule import SCHEDULE_JOB as SOURCE_SCHEDULE_JOB
from app.sourcing.schedule import start_scheduled_cost_source
from app.sourcing.start import RUN_JOB as RUN_SOURCE_JOB
from app.sourcing.tools import SourceTools
from app.sourcing.upload_run import run_import
from app.sourcing.uploads import IMPORT_JOB
from app.uploads.purge import forget_organization
from app.uploads.storage import UploadStores
from app.webhooks.deliver import deliver_webhook
from app.webhooks.tools import WebhookTools
from app.workers.runner import Handler, RunningJob

KEPT_JOBS = timedelta(days=30)
BATCH = 1_000


async def purge_organization(
    job: RunningJob,
    uploads: UploadStores | None = None,
    exports: ExportTools | None = None,
    bulk: BulkTools | None = None,
) -> None:
    """Delete everything of a deleted organization, the bytes of its files too where their storages are given."""
    if job.organization_id is None:
        message = "purge_organization needs an organization"
        raise BadUserInputError(message)

    async def forget_files(organization_id: UUID) -> None:
        if uploads is not None:
            await forget_organization(uploads, organization_id)
        if exports is not None:
            await exports.files.forget_organization(organization_id)
        if bulk is not None:
            await bulk.kept.files.forget_organization(organization_id)

    await purge(job.database, job.organization_id, should_stop=job.should_stop, forget_files=forget_files)


HANDLERS: Mapping[str, Handler] = {PURGE_JOB: purge_organization}


def make_handlers(
    tools: ScanTools,
    uploads: UploadStores | None = None,
    sources: SourceTools | None = None,
    exports: ExportTools | None = None,
    prices: PriceTools | None = None,
    mail: MailTools | None = None,
    bulk: BulkTools | None = None,
    personal: ExportTools | None = None,
    webhooks: WebhookTools | None = None,
) -> Mapping[str, Handler]:
    """The functions of all job kinds, those that call providers with their tools."""
    of_sources: dict[str, Handler] = {}
    if sources is not None:
        of_sources[RUN_SOURCE_JOB] = partial(run_cost_source, tools=sources)
    if sources is not None and uploads is not None:
        of_sources[IMPORT_JOB] = partial(run_import, stores=uploads, folder=sources.folder)
    return {
        **of_sources,
        **({} if exports is None else {RUN_EXPORT_JOB: partial(run_export, tools=exports)}),
        **({} if bulk is None else {RUN_BULK_EXPORT_JOB: partial(run_bulk_export, tools=bulk)}),
        **({} if personal is None else {ARCHIVE_JOB: partial(make_archive, tools=personal)}),
        **(
            {}
            if prices is None
            else {REFRESH_JOB: partial(refresh_prices, tools=prices, changed=look_again_everywhere)}
        ),
        **({} if mail is None else {SEND_JOB: partial(send_identity_mail, tools=mail)}),
        **({} if mail is None else {TELL_JOB: partial(tell_of_webhook, tools=mail)}),
        **({} if webhooks is None else {DELIVER_JOB: partial(deliver_webhook, tools=webhooks)}),
        CHECK_COSTS_JOB: check_costs,
        LOOK_AT_CHARGES_JOB: look_for_waste_in_charges,
        LOOK_EVERYWHERE_JOB: look_everywhere,
        LOOK_JOB: look_for_waste,
        MEASURE_JOB: partial(measure_usage, tools=MeasureTools(tools.vault, tools.pool, tools.clouds)),
        ALLOCATION_JOB: run_allocation,
        FIGURES_JOB: count_tag_keys,
        SOURCE_SCHEDULE_JOB: start_scheduled_cost_source,
        PURGE_JOB: partial(purge_organization, uploads=uploads, exports=exports, bulk=bulk),
        RUN_SCAN_JOB: partial(run_scan, tools=tools),
        TAG_JOB: partial(tag_for_deletion, tools=TagTools(tools.vault, tools.pool, tagger)),
        TOP_UP_JOB: run_top_up,
        SCHEDULE_JOB: partial(start_scheduled_scans, clouds=tools.clouds),
    }
