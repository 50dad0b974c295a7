"""`skyledger demo`: engines, tables, an example organization with samples, API and worker; one Ctrl-C stops it all."""

from __future__ import annotations

import http
import time

from rich.markup import escape
from rich.panel import Panel

from app.cli.ahead import ApiAhead
from app.cli.example import Example, kept_example, open_example, top_up_example
from app.cli.listen import address_to_open, ask, listen
from app.cli.processes import Children, Stop, StopSignals
from app.cli.terminal import Engines, engines_of, fail, out, settings_or_exit
from app.config import Settings
from app.embedded import EmbeddedEngineError, wait_stopped

READY_SECONDS = 60
TURN_SECONDS = 0.05
IDLE_TURN_SECONDS = 0.2
STOP_SECONDS = 10
TRY_AGAIN_SECONDS = 60
_DAY_SECONDS = 86_400
FIRST_QUERY = """{
  organization(slug: "%s") {
    name
    resources(first: 3, where: {status: {eq: "Unattached"}}) {
      totalCount
      nodes { provider resourceType name region account { name } }
    }
    recommendations(first: 3, where: {state: {eq: OPEN}}) {
      totalCount
      nodes { check { title } resource { name } saving { monthly { amount currency } } }
    }
    charges(first: 3, orderBy: {field: BILLED_COST}, where: {chargeCategory: {eq: "Usage"}}) {
      totalCount
      nodes { serviceName billedCost billingCurrency resource { name } }
    }
  }
}"""


class _Demo:
    """A running demo and what it has to take care of."""

    def __init__(self, settings: Settings, api: ApiAhead) -> None:
        self._settings = settings
        self._api = api
        self._children = Children()
        self._server = self._children.adopt(api.process, "serve")
        self._signals = StopSignals()
        self._engines: Engines | None = None
        self._fresh_until = 0.0

    def run(self) -> None:
        """Run until a signal; raises Stop then."""
        self._signals.install()
        with listen(self._settings) as listener:
            port = listener.getsockname()[1]  # port 0 takes a free one, which the API is then told
        self._server.arguments = ("serve", "--port", str(port))
        started_before = kept_example(self._settings) is not None
        if started_before:
            self._api.tell(port)
        with engines_of(self._settings) as self._engines:
            example = open_example(self._settings, self._engines.urls, self._signals)
            if not started_before:
                self._api.tell(port)
            from app.logging import configure_logging  # noqa: PLC0415  (50 ms, while the API loads)

            configure_logging(self._settings.log_level, self._settings.log_format)
            self._wait_until_ready(port)
            url = f"http://{address_to_open(self._settings.host, port)}/graphql"
            _explain(url, example)
            print(f"ready {url}", flush=True)  # noqa: T201  (a line for scripts, without colours or wrapping)
            self._start("worker")
            while True:
                self._tend()
                self._keep_fresh(example)
                time.sleep(IDLE_TURN_SECONDS)

    def stop(self) -> None:
        """Stop the children and wait for the engines, which stop when nobody uses them."""
        settings = self._settings
        self._signals.ignore()
        self._children.stop(settings.shutdown_seconds + 2)
        if settings.database_url and settings.redis_url:
            out.print("Stopped.")
        elif wait_stopped(settings.data_dir, STOP_SECONDS):
            out.print(f"Stopped; the data stays in {escape(str(settings.data_dir))}", highlight=False, soft_wrap=True)
        else:
            out.print("Stopped all but the engines, which another process uses too.", soft_wrap=True)

    def _start(self, *arguments: str) -> None:
        with self._signals.held():
            self._children.add(*arguments)

    def _tend(self) -> None:
        with self._signals.held():
            self._children.tend()
        if self._engines is not None:
            self._engines.renew()

    def _keep_fresh(self, example: Example) -> None:
        """Once a day, first when all is ready, have the example's costs brought up to that day."""
        if self._engines is None or time.time() < self._fresh_until:
            return
        try:
            top_up_example(self._engines.urls, example, self._signals)
            self._fresh_until = (time.time() // _DAY_SECONDS + 1) * _DAY_SECONDS  # the next midnight in UTC
        except Exception as error:  # noqa: BLE001  (drivers raise many kinds while the engines start again)
            import structlog  # noqa: PLC0415  (50 ms of a start, for what rarely happens)

            self._fresh_until = time.time() + TRY_AGAIN_SECONDS
            structlog.stdlib.get_logger(__name__).warning("demo_not_brought_up_to_date", reason=str(error))

    def _wait_until_ready(self, port: int) -> None:
        deadline = time.monotonic() + READY_SECONDS
        address = address_to_open(self._settings.host, port)
        while ask(address, "/health/ready")[0] != http.HTTPStatus.OK:
            if time.monotonic() > deadline:
                message = (
                    f"the API was not ready after {READY_SECONDS} s; see the messages above, or run `skyledger doctor`."
                )
                raise fail(message)
            self._tend()
            time.sleep(TURN_SECONDS)


def run_demo(api: ApiAhead) -> None:
    """Start everything, say `ready`, and wait for SIGINT or SIGTERM."""
    settings = settings_or_exit()
    demo = _Demo(settings, api)
    try:
        demo.run()
    except EmbeddedEngineError as error:
        raise fail(str(error)) from None
    except Stop:
        pass
    finally:
        demo.stop()


def _explain(url: str, example: Example) -> None:
    facts = (
        f"GraphiQL  {url}\nsign in   {example.email}\npassword  {example.password}\norganization slug  {example.slug}"
    )
    out.print(Panel.fit(facts, title="Skyledger"), highlight=False, markup=False, soft_wrap=True)
    # Without colours, which would have to suit the terminal's background, and as it is, to be copied.
    out.print(f"A first query:\n{FIRST_QUERY % example.slug}", highlight=False, markup=False, soft_wrap=True)
