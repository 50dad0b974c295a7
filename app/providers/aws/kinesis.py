"""Amazon Kinesis: data streams."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from app.providers.aws.asking import GONE, Asking, read_each
from app.providers.aws.reading import moment, paged, tags
from app.providers.base import Collector, FoundResource, Service

_STREAM: Final = "AWS::Kinesis::Stream"
_MOST_TAGS: Final = 50
"""A resource of AWS has no more tags."""
_DESCRIBED: Final = ("openShards", "retentionHours", "consumers", "encryption")


def _streams(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("kinesis", region)
    asking = Asking(client)
    for page in paged(client, "list_streams", "StreamSummaries"):
        yield from read_each(page, partial(_stream, asking, region), GONE)


def _stream(asking: Asking, region: str, stream: dict[str, Any]) -> FoundResource:
    answers = asking.about()
    name, native_id = stream["StreamName"], stream["StreamARN"]
    described = answers.one("describe_stream_summary", _DESCRIBED, StreamName=name).get("StreamDescriptionSummary", {})
    tagged = answers.one("list_tags_for_stream", ("tags",), StreamName=name, Limit=_MOST_TAGS)
    return FoundResource(
        service="AmazonKinesis",
        resource_type=_STREAM,
        native_id=native_id,
        name=name,
        region=region,
        status=stream["StreamStatus"],
        tags=tags(tagged.get("Tags")),
        properties=answers.known(
            {
                "arn": native_id,
                "mode": stream.get("StreamModeDetails", {}).get("StreamMode"),
                "openShards": described.get("OpenShardCount"),
                "retentionHours": described.get("RetentionPeriodHours"),
                "consumers": described.get("ConsumerCount"),
                "encryption": described.get("EncryptionType"),
            }
        ),
        created_at=moment(stream.get("StreamCreationTimestamp")),
    )


SERVICE: Final = Service(
    name="kinesis",
    collectors=(
        Collector(
            resource_types=(_STREAM,),
            permissions=("kinesis:ListStreams", "kinesis:DescribeStreamSummary", "kinesis:ListTagsForStream"),
            pages=_streams,
        ),
    ),
)
