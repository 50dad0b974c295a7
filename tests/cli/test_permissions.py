"""`skyledger permissions`: a policy that can be used as it is printed."""

from __future__ import annotations

import pytest

from app.providers.registry import cloud
from app.records import Provider
from tests.cli.conftest import Command


@pytest.mark.parametrize("provider", ["aws", "azure", "gcp", "microsoft_365", " AWS"])
def test_a_policy_is_printed(skyledger: Command, provider: str) -> None:
    told = skyledger("permissions", provider)
    assert told.exit_code == 0, told.stderr
    assert told.stdout == cloud(Provider(provider.strip().upper())).policy() + "\n"
    assert told.stdout.strip()


@pytest.mark.parametrize("provider", ["openai", "oracle", ""])
def test_an_unknown_cloud_is_told(skyledger: Command, provider: str) -> None:
    told = skyledger("permissions", provider)
    assert told.exit_code == 1
    assert f"error: there is no cloud {provider!r}; choose of: aws, azure, gcp, microsoft_365." in told.stderr
