"""The tag on what is marked for deletion, through the real SDK: merged and deleted at the resource's own scope."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date

import pytest

from app.providers.azure.cloud import AzureCloud, needed_actions
from app.providers.azure.tagging import PERMISSIONS, AzureTagger
from app.providers.problems import ProblemCode, ProviderError
from app.providers.tagging import TAG, TagChange
from tests.providers.azure.arm_server import SUBSCRIPTION
from tests.providers.azure.conftest import Connect
from tests.providers.azure.tags import TaggedServer

DISK = f"/subscriptions/{SUBSCRIPTION}/resourcegroups/web/providers/microsoft.compute/disks/old"
TAGGER_ROLE: dict[str, list[str]] = {"actions": list(PERMISSIONS), "notActions": []}
DAY = date(2026, 12, 24)


@pytest.fixture
def tagger(azure: TaggedServer, connect: Connect) -> Iterator[AzureTagger]:
    azure.tags[DISK] = {"team": "shop"}
    azure.roles.append(TAGGER_ROLE)
    yield AzureTagger(connect())
    assert not [method for method, path in azure.requests if method not in {"GET", "PATCH", "POST"}]


def change(day: date | None = DAY, native_id: str = DISK) -> TagChange:
    return TagChange(native_id, "microsoft.compute/disks", "westeurope", day)


def test_it_is_written_and_removed_and_no_other_tag_is_touched(azure: TaggedServer, tagger: AzureTagger) -> None:
    for _ in range(2):
        assert tagger.change([change()]) == {}
        assert azure.tags[DISK] == {"team": "shop", TAG: "2026-12-24"}
    assert tagger.change([change(date(2027, 1, 2))]) == {}
    assert azure.tags[DISK] == {"team": "shop", TAG: "2027-01-02"}
    for _ in range(2):
        assert tagger.change([change(None)]) == {}
        assert azure.tags[DISK] == {"team": "shop"}
    sent = [json.loads(path.split(" ", 1)[1])["operation"] for method, path in azure.requests if method == "PATCH"]
    assert sent == ["Merge", "Merge", "Delete"]  # what is so already is not sent again


def test_what_is_gone_has_no_tag(tagger: AzureTagger) -> None:
    assert tagger.change([change(None, f"{DISK}-gone")]) == {}
    (why,) = tagger.change([change(DAY, f"{DISK}-gone")]).values()
    assert (why.code, why.retry) == (ProblemCode.FAILED, False)


def test_a_denial_names_the_permission(azure: TaggedServer, tagger: AzureTagger) -> None:
    azure.roles.remove(TAGGER_ROLE)
    with pytest.raises(ProviderError) as told:
        tagger.change([change()])
    assert (told.value.code, told.value.permission) == (ProblemCode.DENIED, "Microsoft.Resources/tags/write")
    assert azure.tags[DISK] == {"team": "shop"}


def test_the_permissions_are_apart_and_nobody_lacks_them(azure: TaggedServer, connect: Connect) -> None:
    assert not set(PERMISSIONS) & set(needed_actions())
    azure.roles = [{"actions": list(needed_actions()), "notActions": []}]
    assert connect().verify().missing_permissions == ()
    described = json.loads(AzureCloud().policy())["Description"]
    assert "Only if Skyledger may tag what is marked for deletion" in described
    assert "'Tag Contributor'" in described
