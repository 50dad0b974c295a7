"""`skyledger demo`: engines, tables, an example organization with samples, API and worker; one Ctrl-C stops it all."""

from __future__ import annotations

import http.client
import json
import signal
import time
from dataclasses import dataclass
from types import FrameType

from rich.console import Console
from rich.panel import Panel
from rich.syntax import Syntax

from app.cli.listen import listen
from app.cli.processes import Children
from app.cli.terminal import Engines, engines_of, fail, out, settings_or_exit
from app.config import Settings
from app.embedded import wait_stopped

READY_SECONDS = 60
TURN_SECONDS = 0.05
FIRST_QUERY = """{
  organization(slug: "%s") {
    name
    resources(first: 3, where: {status: {eq: "unattached"}}) {
      totalCount
      nodes { provider resourceType name region account { name } }
    }
    charges(first: 3, orderBy: {field: BILLED_COST}) {
      totalCount
      nodes { serviceName billedCost billingCurrency resource { name } }
    }
  }
}"""


@dataclass(frozen=True)
class SignIn:
    """How to sign in to the example; kept in the data folder, readable by its owner alone."""

    email: str
    password: str
    slug: str


class _Stop(Exception):  # noqa: N818  (an end, not an error)
    """Raised by a signal."""


def run_demo() -> None:
    """Start everything, say `ready`, and wait for SIGINT or SIGTERM."""
    settings = settings_or_exit()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    children = Children()
    try:
        _run(settings, children)
    except _Stop:
        pass
    finally:
        # A second Ctrl-C must not leave a process behind; stopping has a time limit of its own.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        children.stop(settings.shutdown_seconds + 2)
    if not (settings.database_url and settings.redis_url):
        wait_stopped(settings.data_dir)
    out.print("Stopped; the data stays in", str(settings.data_dir), highlight=False)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _Stop


def _run(settings: Settings, children: Children) -> None:
    with listen(settings) as listener:
        port = listener.getsockname()[1]  # port 0 takes a free one, which the API is then told
    path = settings.data_dir / "demo.json"
    api = ("serve", "--port", str(port))
    if path.exists():
        # The API loads its code while the engines start: this is what keeps a second start below three seconds.
        children.add(*api)
    with engines_of(settings) as engines:
        if path.exists():
            sign_in = SignIn(**json.loads(path.read_text()))
            if settings.database_url is not None:
                from app.cli.migrate import bring_up_to_date  # noqa: PLC0415  (with embedded ones the API does it)

                bring_up_to_date(engines.urls.database_url)
        else:
            from app.cli.example import make_example  # noqa: PLC0415  (half a second that only the first start needs)

            sign_in = make_example(settings, engines.urls, path)
            children.add(*api)
        _serve(settings, port, children, engines, sign_in)


def _serve(settings: Settings, port: int, children: Children, engines: Engines, sign_in: SignIn) -> None:
    _wait_until_ready(settings.host, port, children, engines)
    url = f"http://{settings.host}:{port}/graphql"
    _explain(out, url, sign_in)
    print(f"ready {url}", flush=True)  # noqa: T201  (a line for scripts, without colours or wrapping)
    children.add("worker")
    while True:
        children.tend()
        engines.renew()
        time.sleep(TURN_SECONDS)


def _wait_until_ready(host: str, port: int, children: Children, engines: Engines) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        children.tend()
        engines.renew()
        connection = http.client.HTTPConnection(host, port, timeout=2)
        try:
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except OSError:
            pass  # it does not listen yet
        finally:
            connection.close()
        time.sleep(TURN_SECONDS)
    message = f"the API was not ready after {READY_SECONDS} s; see the messages above, or run `skyledger doctor`."
    raise fail(message)


def _explain(console: Console, url: str, sign_in: SignIn) -> None:
    console.print(
        Panel.fit(
            f"GraphiQL  {url}\nsign in   {sign_in.email}\npassword  {sign_in.password}\n"
            f"organization slug  {sign_in.slug}",
            title="Skyledger",
        ),
        highlight=False,
        soft_wrap=True,
    )
    console.print("A first query:", highlight=False)
    console.print(Syntax(FIRST_QUERY % sign_in.slug, "graphql", background_color="default"))
