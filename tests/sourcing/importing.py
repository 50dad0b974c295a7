"""Imports of uploads as tests drive them: files of known sums, sent and imported through the graph, and a worker."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import asyncpg

from app.config import Settings
from app.context import Runtime
from app.providers.calls import ProviderPool
from app.scanning.tools import ScanTools
from app.schema.node import parse_id
from app.sourcing.tools import SourceTools
from app.sourcing.uploads import IMPORT_JOB
from app.workers.jobs import make_handlers
from app.workers.runner import JobRunner, RunnerSettings
from tests.uploads.senders import Sender
from tests.workers.probes import IDLE, make_runner

HEADER = (
    "BilledCost,EffectiveCost,BillingCurrency,BillingAccountId,BillingPeriodStart,BillingPeriodEnd,"
    "ChargePeriodStart,ChargePeriodEnd,ServiceName,ServiceCategory,ChargeCategory,ProviderName,ResourceId"
)
START = """mutation ($input: ImportCostsInput!) { importCosts(input: $input) { __typename
  ... on ImportCostsPayload { started costImport { id state } } ... on UserError { code message path } } }"""
CANCEL = """mutation ($input: CancelCostImportInput!) { cancelCostImport(input: $input) { __typename
  ... on CancelCostImportPayload { costImport { state message finishedAt } } ... on UserError { code message } } }"""
IMPORT = """query ($id: ID!) { node(id: $id) { ... on CostImport {
  state mode dataset billingCurrency focusVersion message startedAt finishedAt durationMilliseconds
  source { kind names uploads { id fileName } costSource { id } }
  progress { bytesRead bytesTotal ratio rowsPerSecond remainingSeconds }
  counts { received added unchanged rejected } conformanceNotes { kind column detail rows firstRow }
  conformanceNoteCount
  periods { dataset billingAccountId billingPeriodStart billingPeriodEnd status finality chargeCount supersededAt
    billedCost { amount currency } unknownMetrics { metric charges } }
  rejects(first: 2) { totalCount pageInfo { hasNextPage endCursor } nodes { file line column value reason } } } } }"""


def focus_file(rows: int, amount: str, account: str = "acme", month: int = 10) -> bytes:
    """A month of FOCUS with so many charges of an amount, spread over days, services and resources."""
    period = f"2026-{month:02}-01T00:00:00Z,2026-{month + 1:02}-01T00:00:00Z"
    lines = [HEADER]
    for number in range(rows):
        day = f"2026-{month:02}-{number % 28 + 1:02}T00:00:00Z,2026-{month:02}-{number % 28 + 2:02}T00:00:00Z"
        lines.append(
            f"{amount},{amount},USD,{account},{period},{day},Service {number % 7},Compute,Usage,Acme,vm-{number % 500}"
        )
    return ("\n".join(lines) + "\n").encode()


@dataclass(eq=False)
class Importing:
    """Somebody who imports, and a worker that does what it is told."""

    sender: Sender
    runtime: Runtime
    settings: Settings
    redis_url: str

    def runner(self, settings: RunnerSettings = IDLE) -> JobRunner:
        """A worker's runner."""
        pool = ProviderPool(4)
        sources = SourceTools(self.runtime.vault, pool, self.settings.data_dir / "deliveries")
        handlers = make_handlers(ScanTools(self.runtime.vault, pool), self.runtime.uploads, sources)
        only = {IMPORT_JOB: handlers[IMPORT_JOB]}  # a runner takes whatever is due, and imports cause other jobs
        return make_runner(self.runtime.database, self.redis_url, only, settings)

    async def sent(self, data: bytes, name: str = "costs.csv") -> str:
        """The id of a complete upload of some bytes."""
        url = await self.sender.created(data, fileName=name)
        answer = await self.sender.put(url, data)
        assert answer.status_code == 200, answer.text
        return url.rpartition("/")[2]

    async def start(self, *upload_ids: str, **more: Any) -> dict[str, Any]:
        """The answer to `importCosts`."""
        values = {"organizationId": self.sender.person.organization_id, "uploadIds": upload_ids, **more}
        answer: dict[str, Any] = (await self._ask(START, {"input": values}))["importCosts"]
        return answer

    async def started(self, *upload_ids: str, **more: Any) -> str:
        """The id of an import that has been queued."""
        answer = await self.start(*upload_ids, **more)
        assert answer["__typename"] == "ImportCostsPayload", answer
        import_id: str = answer["costImport"]["id"]
        return import_id

    async def imported(self, data: bytes, name: str = "costs.csv", **more: Any) -> dict[str, Any]:
        """Send bytes, import them to the end; the import."""
        import_id = await self.started(await self.sent(data, name), **more)
        await self.work(import_id)
        return await self.found(import_id)

    async def work(self, import_id: str) -> None:
        """Do the job of an import."""
        key = parse_id(import_id)
        (job_id,) = (await self.rows(f"SELECT job_id FROM cost_imports WHERE id = '{key.id}'"))[0]  # noqa: S608
        await self.runner().run(job_id)

    async def found(self, import_id: str) -> dict[str, Any]:
        """An import as the graph tells it."""
        answer: dict[str, Any] = (await self._ask(IMPORT, {"id": import_id}))["node"]
        return answer

    async def cancel(self, import_id: str) -> dict[str, Any]:
        """The answer to `cancelCostImport`."""
        answer: dict[str, Any] = (await self._ask(CANCEL, {"input": {"id": import_id}}))["cancelCostImport"]
        return answer

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What a statement finds, as the owner of all rows."""
        connection = await asyncpg.connect(str(self.settings.database_url).replace("+asyncpg", ""))
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    async def total(self) -> tuple[Decimal, int]:
        """BilledCost and number of all charges."""
        ((amount, count),) = await self.rows("SELECT coalesce(sum(billed_cost), 0), count(*) FROM charges")
        return amount, count

    async def events(self) -> list[str]:
        """Kinds of all events about imports, in their order."""
        found = await self.rows("SELECT kind FROM activity_events WHERE kind LIKE 'COST%' ORDER BY sequence")
        return [kind for (kind,) in found]

    async def _ask(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        return await self.sender.graphql.data(document, variables, token=self.sender.person.token)
