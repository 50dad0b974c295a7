"""`/health/live` (the process runs) and `/health/ready` (it can serve: every probe passes and it is not ending)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping

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

    def __init__(
        self,
        lifecycle: Lifecycle,
        probes: Mapping[str, Probe],
        *,
        dispensable: Collection[str] = (),
        seconds: float = PROBE_SECONDS,
    ) -> None:
        self._lifecycle, self._probes, self._seconds = lifecycle, dict(probes), seconds
        self._dispensable = frozenset(dispensable)
        self._last: dict[str, str] = {}

    async def live(self, _request: Request) -> Response:
        """200 for as long as the event loop turns."""
        return _answer(200, {"status": "alive"})

    async def ready(self, _request: Request) -> Response:
        """200 when the process can serve, `degraded` where something dispensable fails; 503 otherwise or at its end."""
        if self._lifecycle.draining:
            return _answer(503, {"status": "stopping", "checks": {}})
        results = await asyncio.gather(*(self._check(name, probe) for name, probe in self._probes.items()))
        checks = dict(zip(self._probes, results, strict=True))
        failed = {name for name, result in checks.items() if result != "ok"}
        if failed - self._dispensable:
            return _answer(503, {"status": "not ready", "checks": checks})
        return _answer(200, {"status": "degraded" if failed else "ready", "checks": checks})

    async def _check(self, name: str, probe: Probe) -> str:
        """`ok`, `slow` or `failed`; why stands in the log, once per change, because anybody may ask."""
        result, reason = await self._probed(probe)
        if self._last.get(name, "ok") != result:
            _log.warning("readiness_changed", probe=name, result=result, reason=reason)
        self._last[name] = result
        return result

    async def _probed(self, probe: Probe) -> tuple[str, str | None]:
        try:
            async with asyncio.timeout(self._seconds):
                await probe()
        except TimeoutError:
            return "slow", f"no answer in {self._seconds:g} s"
        except Exception as error:  # noqa: BLE001 - a probe fails by raising anything
            return "failed", f"{type(error).__name__}: {error}".splitlines()[0]
        return "ok", None


def _answer(status: int, body: Mapping[str, object]) -> Response:
    return Response(
        orjson.dumps(body), status_code=status, media_type="application/json", headers={"cache-control": "no-store"}
    )
