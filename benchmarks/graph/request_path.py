"""What the way of a request through the server costs: `python -m benchmarks.graph.request_path`.

The smallest operations, one of which asks who is calling, of a signed-in person over one kept connection: all that they
cost is the server around the execution. Beside them a hand-written Starlette route that checks the token with PyJWT,
looks the session up once in four seconds, and reads and writes JSON with orjson; it counts, limits and logs nothing.

Each server has the first core, everything else the second; the contestants take turns. The figure is the server's CPU
for a request, from the kernel's schedstat, as the median of the rounds. `--against FOLDER` lets another checkout of the
project run beside this one.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import jwt
import orjson
import uvicorn
from rich.console import Console
from rich.table import Table
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.auth.tokens import ALGORITHM, AUDIENCE, ISSUER
from app.config import Settings, signing_key
from app.embedded import EngineUrls, engines
from app.upgrade import upgrade
from benchmarks.contestants import started, until
from benchmarks.graph.contestants import UNLIMITED
from benchmarks.graph.load import AnswerError, ask, ask_once
from benchmarks.graph.servers import OTHER_CORE, SERVER_CORE, pin

SESSION_SECONDS = 4.0
WARM_SECONDS = 0.3
OPERATIONS = {"typename": "{ __typename }", "viewer": "{ viewer { isPlatformAdmin } }"}
ANSWERS = {"typename": {"__typename": "Query"}, "viewer": {"viewer": {"isPlatformAdmin": False}}}
REGISTER = """
mutation { register(input: {email: "ada@skyledger.example", name: "Ada", password: "correct horse battery"}) {
  ... on RegisterPayload { accessToken } ... on UserError { message } } }
"""
SESSION = """
SELECT user_id, is_platform_admin FROM sessions JOIN users ON users.id = user_id
WHERE sessions.id = $1 AND revoked_at IS NULL
"""


@dataclass
class Contestant:
    """A server with an operation that it is asked; `micros` has the CPU of one request in each round."""

    name: str
    pid: int
    port: int
    operation: str
    micros: list[float] = field(default_factory=list)

    async def run(self, token: str, seconds: float) -> None:
        """Ask for as long, over one connection, and keep what it cost."""
        request = self._request(token)
        body, _ = await ask_once(self.port, request)
        if orjson.loads(body)["data"] != ANSWERS[self.operation]:
            message = f"{self.name} answers {body!r}"
            raise AnswerError(message)
        await ask(self.port, request, self.pid, connections=1, seconds=WARM_SECONDS)
        load = await ask(self.port, request, self.pid, connections=1, seconds=seconds, expected=body)
        self.micros.append(load.cpu * 1e6)

    def _request(self, token: str) -> bytes:
        body = orjson.dumps({"query": OPERATIONS[self.operation]})
        head = (
            f"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\naccept: application/json\r\n"
            f"content-type: application/json\r\nuser-agent: benchmark\r\nauthorization: Bearer {token}\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def hand_written(dsn: str, key: str) -> Starlette:
    """The application with the one route that an expert would write for `viewer`."""
    sessions: dict[str, tuple[float, bool]] = {}

    async def is_admin(pool: asyncpg.Pool, claims: dict[str, str]) -> bool:
        kept = sessions.get(claims["sid"])
        if kept is None or kept[0] < time.monotonic():
            row = await pool.fetchrow(SESSION, UUID(claims["sid"]))
            if row is None or row["user_id"] != UUID(claims["sub"]):
                raise PermissionError
            kept = sessions[claims["sid"]] = (time.monotonic() + SESSION_SECONDS, row["is_platform_admin"])
        return kept[1]

    async def viewer(request: Request) -> Response:
        token = request.headers["authorization"].removeprefix("Bearer ")
        claims = jwt.decode(token, key, algorithms=[ALGORITHM], issuer=ISSUER, audience=AUDIENCE)
        found = await is_admin(request.app.state.pool, claims)
        asked = orjson.loads(await request.body())
        data = {"viewer": {"isPlatformAdmin": found}} if "viewer" in asked["query"] else {"__typename": "Query"}
        return Response(orjson.dumps({"data": data}), media_type="application/json")

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with asyncpg.create_pool(dsn, min_size=1, max_size=5) as app.state.pool:
            yield

    return Starlette(routes=[Route("/graphql", viewer, methods=["POST"])], lifespan=lifespan)


@contextmanager
def server(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[tuple[int, int]]:
    """A server on the first core that runs in this folder: its process and port, once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder), **environment}

    def answers() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/graphql").status_code < 500  # noqa: PLR2004
        except httpx.TransportError:
            return False

    with (
        (Path(environment["SKYLEDGER_DATA_DIR"]) / f"server-{port}.log").open("w") as log,
        started([sys.executable, *command, str(port)], env=environment, cwd=folder, stdout=log, stderr=log) as process,
    ):
        os.sched_setaffinity(process.pid, {SERVER_CORE})
        until(answers)
        yield process.pid, port


def measure(urls: EngineUrls, data: Path, against: Path | None, rounds: int, seconds: float) -> list[Contestant]:
    """Let all take turns; the hand-written route comes first."""
    upgrade(urls.database_url)
    here = Path(__file__).parents[2]
    environment = {
        "SKYLEDGER_DATA_DIR": str(data),
        "SKYLEDGER_DATABASE_URL": urls.database_url,
        "SKYLEDGER_REDIS_URL": urls.redis_url,
        "SKYLEDGER_LOG_FORMAT": "json",
        **UNLIMITED,
    }
    contestants = []
    with ExitStack() as stack:
        ours = stack.enter_context(server(["-m", "app", "serve", "--port"], here, environment))
        theirs = stack.enter_context(server(["-m", "benchmarks.graph.request_path", "--serve"], here, environment))
        contestants = [Contestant(f"hand-written, {operation}", *theirs, operation) for operation in OPERATIONS]
        contestants += [Contestant(f"Skyledger, {operation}", *ours, operation) for operation in OPERATIONS]
        uncharged = environment | {"SKYLEDGER_COST_MAXIMUM": "0"}
        free = stack.enter_context(server(["-m", "app", "serve", "--port"], here, uncharged))
        contestants += [Contestant(f"without query cost, {operation}", *free, operation) for operation in OPERATIONS]
        if against is not None:
            other = stack.enter_context(server(["-m", "app", "serve", "--port"], against, environment))
            contestants += [Contestant(f"{against}, {operation}", *other, operation) for operation in OPERATIONS]
        answer = httpx.post(f"http://127.0.0.1:{ours[1]}/graphql", json={"query": REGISTER}).json()
        token = answer["data"]["register"]["accessToken"]
        for _ in range(rounds):
            for contestant in contestants:
                asyncio.run(contestant.run(token, seconds))
    return contestants


def show(contestants: list[Contestant]) -> None:
    """Print medians, and ratios to the hand-written route."""
    table = Table("server, operation", "CPU µs a request", "least", "ratio")
    base = {each.operation: statistics.median(each.micros) for each in contestants if "hand" in each.name}
    for each in contestants:
        median = statistics.median(each.micros)
        table.add_row(each.name, f"{median:.0f}", f"{min(each.micros):.0f}", f"{median / base[each.operation]:.2f}")
    Console().print(table)


def main() -> None:
    """Measure, or be the hand-written contestant."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--against", type=Path, help="another checkout of the project")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        settings = Settings()
        dsn = str(settings.database_url).replace("postgresql+asyncpg", "postgresql")
        app = hand_written(dsn, signing_key(settings))
        uvicorn.run(app, port=arguments.serve, loop="uvloop", http="httptools", access_log=False, log_level="warning")
        return
    pin(OTHER_CORE)
    with tempfile.TemporaryDirectory() as folder, engines(Path(folder)) as urls:
        show(measure(urls, Path(folder), arguments.against, arguments.rounds, arguments.seconds))


if __name__ == "__main__":
    main()
