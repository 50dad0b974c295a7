"""Write `samples/resources.csv` and `samples/costs.csv`; with --check, only say whether they are what this writes."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import orjson
from sample_charges import COLUMNS, charges
from sample_estate import ACCOUNTS, Resource, estate

SAMPLES = Path(__file__).parents[1] / "samples"
RESOURCE_COLUMNS = (
    "provider",
    "account_id",
    "account_name",
    "service",
    "resource_type",
    "resource_id",
    "resource_name",
    "region",
    "availability_zone",
    "status",
    "tags",
    "properties",
    "created_at",
)


def main() -> int:
    """Write the samples, or compare them. 1 if a committed file differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is not up to date")
    check = parser.parse_args().check
    resources = estate()
    contents = {
        "resources.csv": _csv(RESOURCE_COLUMNS, map(_resource_row, resources)),
        "costs.csv": _csv(COLUMNS, charges(resources)),
    }
    stale = 0
    for name, content in contents.items():
        path = SAMPLES / name
        if check:
            same = path.exists() and path.read_bytes() == content
            stale += not same
            print(f"{name}: {'up to date' if same else 'differs: run python tools/generate_samples.py'}")
        else:
            SAMPLES.mkdir(exist_ok=True)
            path.write_bytes(content)
            rows = content.count(b"\n") - 1
            print(f"{name}: {rows} rows, {len(content)} bytes")
    return int(stale > 0)


def _resource_row(resource: Resource) -> dict[str, str]:
    provider, account_id, account_name, _ = ACCOUNTS[resource.account]
    return {
        "provider": provider,
        "account_id": account_id,
        "account_name": account_name,
        "service": resource.kind.service,
        "resource_type": resource.kind.type,
        "resource_id": resource.id,
        "resource_name": resource.name,
        "region": resource.region[0],
        "availability_zone": resource.zone,
        "status": resource.status,
        "tags": orjson.dumps(resource.tags).decode() if resource.tags else "",
        "properties": orjson.dumps(resource.properties).decode(),
        "created_at": resource.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


if __name__ == "__main__":
    sys.exit(main())
