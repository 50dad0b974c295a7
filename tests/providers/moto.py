"""The far side of AWS in tests: moto's server, a process of its own, emptied before each test that wants it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import httpx
import pytest
from botocore.config import Config
from botocore.session import Session

from app.providers.base import Target
from app.records import ConnectionMethod, Provider

ACCOUNT = "123456789012"
"""The account that moto gives to keys that it does not know."""
REGION = "eu-west-1"
_START_SECONDS = 240


@contextmanager
def running_moto() -> Iterator[str]:
    """Moto's server on a free port of loopback; its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        _await_answer(process, url)
        yield url
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    """Moto's server, once for all tests; its URL."""
    with running_moto() as url:
        yield url


@pytest.fixture
def moto_url(moto_server: str) -> str:
    """The URL of a moto in which nothing is left of earlier tests."""
    httpx.post(f"{moto_server}/moto-api/reset", timeout=120).raise_for_status()
    return moto_server


def far_client(url: str, service: str, region: str = REGION, key: str = "seeding") -> Any:
    """A plain client with which a test puts things there."""
    return _seeding().create_client(
        service,
        region_name=region,
        endpoint_url=url,
        aws_access_key_id=key,
        aws_secret_access_key="seeding",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=120),
    )


@cache
def _seeding() -> Session:
    """One session for all clients: each new one reads the descriptions of its services again, 0.25 s for EC2."""
    return Session()


def aws_target(url: str, *, account: str = ACCOUNT, key: str = "AKIAEXAMPLE", **settings: Any) -> Target:
    """An account signed in to with keys, every service of which is at `url`."""
    return Target(
        provider=Provider.AWS,
        method=ConnectionMethod.AWS_KEYS,
        native_id=account,
        settings={"endpoints": {"*": url}, **settings},
        secret={"accessKeyId": key, "secretAccessKey": "example"},
    )


def role_target(url: str, role_arn: str, *, account: str = ACCOUNT, **settings: Any) -> Target:
    """An account signed in to by assuming a role, every service of which is at `url`."""
    return Target(
        provider=Provider.AWS,
        method=ConnectionMethod.AWS_ROLE,
        native_id=account,
        settings={
            "endpoints": {"*": url},
            "assumeRoleAt": url,
            "roleArn": role_arn,
            "externalId": "external-1",
            **settings,
        },
        secret={},
    )


def _await_answer(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            httpx.get(f"{url}/moto-api/data.json", timeout=5).raise_for_status()
        except httpx.TransportError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
