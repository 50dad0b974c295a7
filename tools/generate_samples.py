"""Write `samples/resources.csv` and `samples/costs.csv`; with --check, only say whether they are what this writes."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from app.demo.charges import Bill
from app.demo.estate import estate
from app.demo.rows import charges_csv, resources_csv

SAMPLES = Path(__file__).parents[1] / "samples"
MONTH, LAST_DAY = date(2026, 10, 1), date(2026, 10, 31)


def main() -> int:
    """Write the samples, or compare them. 1 if a committed file differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is not up to date")
    check = parser.parse_args().check
    resources = estate(LAST_DAY)
    contents = {
        "resources.csv": resources_csv(resources),
        "costs.csv": charges_csv(resources, Bill.whole(MONTH, by_day=False)),
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


if __name__ == "__main__":
    sys.exit(main())
