"""A bucket as an object store, as moto tells it: parts, what is absent, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.providers.aws.object_store import S3ObjectStore
from app.providers.objects import LEAST_PART_BYTES, Part
from app.providers.problems import ProblemCode, ProviderError
from app.providers.registry import object_store
from tests.providers.moto import far_client

BUCKET = "objects-of-the-tests"


@pytest.fixture
def store(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3ObjectStore]:
    """A bucket that is there and empty."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "own")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own")
    far_client(moto_url, "s3", "us-east-1").create_bucket(Bucket=BUCKET)
    made: Any = object_store(BUCKET, endpoint=moto_url)
    yield made
    made.close()


def test_parts_become_one_object(store: S3ObjectStore) -> None:
    first, second = b"a" * LEAST_PART_BYTES, b"b" * 10
    id_ = store.begin("k/1")
    assert store.parts("k/1", id_) == []
    parts = [store.put_part("k/1", id_, 1, first), store.put_part("k/1", id_, 2, second)]
    assert store.parts("k/1", id_) == parts
    assert [part.size for part in parts] == [LEAST_PART_BYTES, 10]
    assert store.size("k/1") is None, "nothing is seen before it is complete"
    assert [entry.multipart_id for page in store.unfinished("k/") for entry in page] == [id_]
    assert store.complete("k/1", id_, parts)
    assert store.size("k/1") == LEAST_PART_BYTES + 10
    assert store.size("k/") is None
    blocks = list(store.read("k/1", 4_194_304))
    assert [len(block) for block in blocks] == [4_194_304, LEAST_PART_BYTES + 10 - 4_194_304]
    assert b"".join(blocks) == first + second
    assert store.parts("k/1", id_) is None
    assert [(entry.key, entry.size) for page in store.objects("k/") for entry in page] == [
        ("k/1", LEAST_PART_BYTES + 10)
    ]


def test_parts_that_are_not_those_named_are_not_put_together(store: S3ObjectStore) -> None:
    id_ = store.begin("k")
    part = store.put_part("k", id_, 1, b"mine")
    store.put_part("k", id_, 1, b"another's")
    assert not store.complete("k", id_, [part])
    assert not store.complete("k", id_, [part, Part(2, 1, '"absent"')])
    assert store.size("k") is None


def test_what_is_absent(store: S3ObjectStore) -> None:
    assert store.get("nothing", 10) is None
    assert store.size("nothing") is None
    assert store.parts("nothing", "no-such-id") is None
    store.abort("nothing", "no-such-id")
    store.delete(["nothing"])
    assert [entry for page in store.objects("nothing") for entry in page] == []
    with pytest.raises(ProviderError) as failed:
        list(store.read("nothing", 10))
    assert not failed.value.retry


def test_small_objects(store: S3ObjectStore) -> None:
    store.put("small", b"0123456789")
    assert store.get("small", 10) == b"0123456789"
    assert store.get("small", 9) is None, "more than was bargained for"
    store.put("small", b"other")
    assert store.get("small", 10) == b"other"
    store.delete(["small", "small"])
    assert store.get("small", 10) is None


def test_faults_are_problems_without_secrets(store: S3ObjectStore, moto_url: str) -> None:
    far_client(moto_url, "s3", "us-east-1").delete_bucket(Bucket=BUCKET)
    for act in (lambda: store.begin("k"), lambda: store.put("k", b"x"), lambda: list(store.objects(""))):
        with pytest.raises(ProviderError) as failed:
            act()
        assert failed.value.code is ProblemCode.FAILED
        assert "own" not in failed.value.message.split()
    away: Any = object_store(BUCKET, endpoint="http://127.0.0.1:9")
    with pytest.raises(ProviderError) as failed:
        away.begin("k")
    assert failed.value.code is ProblemCode.UNREACHABLE
    away.close()
