"""A start loads what it needs and no more: what each process may load before it says that it is ready."""

from __future__ import annotations

import subprocess
import sys

import pytest

CLOUDS = ("boto3", "botocore", "azure", "msal", "google", "grpc")
MATHEMATICS = ("numpy", "pandas", "scipy", "statsmodels", "pyarrow")
TESTS = ("moto", "pytest", "duckdb")
GRAPH = ("graphql", "strawberry", "starlette", "uvicorn")
# Where one of these is needed, import it in the function that needs it, and say there why.
NEVER_LOADED = {
    "app.main": (*CLOUDS, *MATHEMATICS, *TESTS, "polars", "alembic", "valkey", "typer"),
    "app.workers": (*CLOUDS, *MATHEMATICS, *TESTS, *GRAPH, "alembic", "valkey", "typer"),
    "app.cli.demo": (*CLOUDS, *MATHEMATICS, *TESTS, *GRAPH, "polars", "alembic", "sqlalchemy", "structlog", "redis"),
    "app.cli.commands": (*CLOUDS, *MATHEMATICS, *TESTS, *GRAPH, "polars", "sqlalchemy", "pydantic", "asyncio", "rich"),
}


@pytest.mark.parametrize("module", NEVER_LOADED)
def test_a_start_does_not_load(module: str) -> None:
    program = f"import sys, {module}; print(*sorted(set({NEVER_LOADED[module]}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [], "")
