"""Reads ECR: repositories with their lifecycle policy and what their images come to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

from app.providers.aws.asking import Asking, read_each
from app.providers.aws.reading import moment, paged, plain, tags
from app.providers.aws.session import AwsConnection
from app.providers.base import Collector, FoundResource, Service

PAGE: Final = 1000
"""Images a call, the most that ECR gives; a repository may have 100,000 of them."""
_GONE: Final = frozenset({"RepositoryNotFoundException"})
_NO_POLICY: Final = frozenset({"LifecyclePolicyNotFoundException"})


def repositories(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Private repositories."""
    client = connection.client("ecr", region)
    asking = Asking(client)
    for page in paged(client, "describe_repositories", "repositories"):
        yield from read_each(page, partial(_repository, asking, region), _GONE)


@dataclass
class Images:
    """What the images of a repository come to; one page of them is in memory at a time.

    `by_month` counts images and bytes by the month (UTC) in which an image was last pulled, or pushed when it never
    was; `untagged_by_month` counts those without a tag by the month of their push. `indexes` are lists of images for
    several platforms, whose own images have no tags and are in use nevertheless.
    """

    count: int = 0
    size: int = 0
    untagged: int = 0
    untagged_size: int = 0
    indexes: int = 0
    oldest_push: datetime | None = None
    newest_push: datetime | None = None
    last_pull: datetime | None = None
    by_month: dict[str, dict[str, int]] = field(default_factory=dict)
    untagged_by_month: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, image: Mapping[str, Any]) -> None:
        """Count one image."""
        size = image.get("imageSizeInBytes") or 0
        pushed, pulled = moment(image.get("imagePushedAt")), moment(image.get("lastRecordedPullTime"))
        self.count += 1
        self.size += size
        self.indexes += _is_index(image)
        _count(self.by_month, pulled or pushed, size)
        if not image.get("imageTags"):
            self.untagged += 1
            self.untagged_size += size
            _count(self.untagged_by_month, pushed, size)
        if pushed:
            self.oldest_push = min(self.oldest_push or pushed, pushed)
            self.newest_push = max(self.newest_push or pushed, pushed)
        if pulled:
            self.last_pull = max(self.last_pull or pulled, pulled)

    def told(self) -> dict[str, Any]:
        """As a property."""
        return {
            "count": self.count,
            "bytes": self.size,
            "untagged": self.untagged,
            "untaggedBytes": self.untagged_size,
            "indexes": self.indexes,
            "oldestPushedAt": plain(self.oldest_push),
            "newestPushedAt": plain(self.newest_push),
            "lastPulledAt": plain(self.last_pull),
            "byMonthOfLastUse": dict(sorted(self.by_month.items())),
            "untaggedByMonthOfPush": dict(sorted(self.untagged_by_month.items())),
        }


def _count(months: dict[str, dict[str, int]], when: datetime | None, size: int) -> None:
    month = months.setdefault(when.strftime("%Y-%m") if when else "unknown", {"images": 0, "bytes": 0})
    month["images"] += 1
    month["bytes"] += size


def _is_index(image: Mapping[str, Any]) -> bool:
    kind = str(image.get("imageManifestMediaType") or "")
    return "manifest.list" in kind or "image.index" in kind


def _repository(asking: Asking, region: str, repository: Mapping[str, Any]) -> FoundResource:
    repository_arn, name = repository["repositoryArn"], repository["repositoryName"]
    answers = asking.about()
    tagged = answers.one("list_tags_for_resource", ("tags",), resourceArn=repository_arn)
    policy = answers.one("get_lifecycle_policy", ("lifecyclePolicy",), _NO_POLICY, repositoryName=name)
    images: Images | None = answers.read("describe_images", ("images",), lambda: _images(asking.client, name))
    return FoundResource(
        service="AmazonECR",
        resource_type="AWS::ECR::Repository",
        native_id=repository_arn,
        name=name,
        region=region,
        tags=tags(tagged.get("tags")),
        created_at=moment(repository.get("createdAt")),
        last_used_at=images.last_pull if images else None,
        properties=answers.known(
            {
                "arn": repository_arn,
                "uri": repository.get("repositoryUri"),
                "tagMutability": repository.get("imageTagMutability"),
                "encryption": (repository.get("encryptionConfiguration") or {}).get("encryptionType"),
                "lifecyclePolicy": bool(policy),
                "images": images.told() if images else None,
            }
        ),
    )


def _images(client: Any, name: str) -> Images:
    images = Images()
    pages = paged(client, "describe_images", "imageDetails", repositoryName=name, PaginationConfig={"PageSize": PAGE})
    for page in pages:
        for image in page:
            images.add(image)
    return images


SERVICE: Final = Service(
    "ecr",
    (
        Collector(
            ("AWS::ECR::Repository",),
            (
                "ecr:DescribeRepositories",
                "ecr:DescribeImages",
                "ecr:GetLifecyclePolicy",
                "ecr:ListTagsForResource",
            ),
            repositories,
        ),
    ),
)
