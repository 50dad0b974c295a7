"""The far side: `python -m tests.waste.far_account PORT` is an AWS account in moto that holds known waste.

It writes one line of JSON, the native ids by the labels that `waste.py` knows them by, and answers until it is ended.
"""

from __future__ import annotations

import json
import signal
import sys

from tests.waste import past

past.install()

# ruff: noqa: E402 - the clock has to be moved before moto is loaded
from moto.cloudwatch.models import CloudWatchBackend
from moto.server import ThreadedMotoServer

from tests.waste import (
    far_cloudwatch,
    far_missing,
    seed_compute,
    seed_databases,
    seed_network,
    seed_others,
    seed_services,
    seed_storage,
)
from tests.waste.seeding import Seeding

PARTS = (
    seed_compute.seed,
    seed_storage.seed,
    seed_network.seed,
    seed_databases.seed,
    seed_services.seed,
    seed_others.seed,
    seed_network.tell_of_interfaces,
)


def main(port: int) -> None:
    """Serve, fill, tell, and wait."""
    CloudWatchBackend.get_metric_data = far_cloudwatch.get_metric_data  # type: ignore[assignment]
    far_missing.install()
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    seeding = Seeding(f"http://127.0.0.1:{port}")
    for part in PARTS:
        part(seeding)
        past.set_ago(0)
    sys.stdout.write(json.dumps(seeding.ids) + "\n")
    sys.stdout.flush()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    server.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]))
