"""`/health/live` (the process runs) and `/health/ready` (it can serve: every probe passes and it is not ending)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response

from app.server.lifecycle import Lifecycle

PROBE_SECONDS = 2.0

Probe = Callable[[], Awaitable[object]]

_log = structlog.stdlib.get_logger("skyledger.server")


class Health:
    """Answers the two health routes; a probe is a coroutine function that raises when its part does not work."""

    def __init__(self, lifecycle: Lifecycle, probes: Mapping[str, Probe], *, seconds: float = PROBE_SECONDS) -> None:
        self._lifecycle, self._probes, self._seconds = lifecycle, dict(probes), seconds

    async def live(self, _request: Request) -> Response:
        """200 for as long as the event loop turns."""
        return _answer(200, {"status": "alive"})

    async def ready(self, _request: Request) -> Response:
        """200 when every probe passes; 503 with the names of those that fail, or while the process ends."""
        if self._lifecycle.draining:
            return _answer(503, {"status": "stopping", "checks": {}})
        results = await asyncio.gather(*(self._check(name, probe) for name, probe in self._probes.items()))
        checks = dict(zip(self._probes, results, strict=True))
        good = all(result == "ok" for result in results)
        return _answer(200 if good else 503, {"status": "ready" if good else "not ready", "checks": checks})

    async def _check(self, name: str, probe: Probe) -> str:
        """`ok`, `slow` or `failed`; why stands in the log, because anybody may ask."""
        try:
            async with asyncio.timeout(self._seconds):
                await probe()
        except TimeoutError:
            _log.warning("readiness_probe_slow", probe=name, seconds=self._seconds)
            return "slow"
        except Exception as error:  # noqa: BLE001 - a probe fails by raising anything
            _log.warning("readiness_probe_failed", probe=name, exc_info=error)
            return "failed"
        return "ok"


def _answer(status: int, body: Mapping[str, object]) -> Response:
    return Response(
        orjson.dumps(body), status_code=status, media_type="application/json", headers={"cache-control": "no-store"}
    )
