"""The one thing that Skyledger may write into a cloud if its owner lets it: a tag on what is marked for deletion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

from app.providers.problems import ProblemCode, ProviderError
from app.records import Provider

TAG: Final = "skyledger-delete-after"
"""The tag's name; its value is a day as YYYY-MM-DD. Small letters, digits, - and _ are legal in every cloud."""
TAGGED_CLOUDS: Final = frozenset({Provider.AWS, Provider.AZURE, Provider.GCP})
GCP_COLLECTIONS: Final = {
    "compute.googleapis.com/Address": "addresses",
    "compute.googleapis.com/Disk": "disks",
    "compute.googleapis.com/ForwardingRule": "forwardingRules",
    "compute.googleapis.com/GlobalAddress": "globalAddresses",
    "compute.googleapis.com/GlobalForwardingRule": "globalForwardingRules",
    "compute.googleapis.com/Image": "images",
    "compute.googleapis.com/Instance": "instances",
    "compute.googleapis.com/InterconnectAttachment": "interconnectAttachments",
    "compute.googleapis.com/RegionDisk": "disks",
    "compute.googleapis.com/Snapshot": "snapshots",
    "compute.googleapis.com/VpnTunnel": "vpnTunnels",
}
"""What `setLabels` takes with a fingerprint, so that no label of somebody else is lost, and how permissions name it."""
_AZURE_UNTAGGED: Final = frozenset(
    {
        "microsoft.network/virtualnetworks/subnets",
        "microsoft.recoveryservices/vaults/backupfabrics/protectioncontainers/protecteditems",
    }
)
_NO_TAGS: Final = "{} cannot carry the tag `" + TAG + "`; mark it without `tagInCloud`."
_REMEDIES: Final = {
    Provider.AWS: "Add the policy `optionalTagging` of `skyledger permissions aws` to Skyledger's role or user",
    Provider.AZURE: "Assign the built-in role Tag Contributor, as `skyledger permissions azure` tells",
    Provider.GCP: "Bind the optional tagging role, as `skyledger permissions gcp` tells, to the caller",
}


@dataclass(frozen=True, slots=True)
class TagChange:
    """What is to become of the tag on one resource: the day that it is to tell, None to take it away."""

    native_id: str
    resource_type: str
    region: str | None
    day: date | None


Failures = dict[str, ProviderError]
"""Why resources were left as they were, by native id; all others are as they are to be."""


class Tagger(Protocol):
    """Writes and removes the tag on the resources of one account, and nothing else there."""

    together: int
    """How many changes one call takes."""

    def place(self, change: TagChange) -> object:
        """Changes of one place may be in one call."""

    def change(self, changes: Sequence[TagChange]) -> Failures:
        """Make changes of one place, at most `together`. The same again changes nothing; what is gone has no tag.

        Raises ProviderError where nothing is known of any of them.
        """

    def close(self) -> None:
        """Let go of sockets."""


def untaggable(provider: Provider, resource_type: str, native_id: str) -> str | None:
    """Why a resource cannot carry the tag; None where it can."""
    if provider is Provider.MICROSOFT_365:
        return _NO_TAGS.format("What belongs to a tenant of Microsoft 365")
    fits = {
        # Of EC2 the inventory has the short ids, of everything else ARNs; an address of EC2-Classic has neither.
        Provider.AWS: native_id.startswith("arn:") or ("::EC2::" in resource_type and "-" in native_id),
        Provider.AZURE: resource_type not in _AZURE_UNTAGGED and native_id.startswith("/subscriptions/"),
        Provider.GCP: resource_type in GCP_COLLECTIONS and native_id.startswith("//compute.googleapis.com/projects/"),
    }
    return None if fits.get(provider) else _NO_TAGS.format(f"A resource of the type {resource_type}")


def gone() -> ProviderError:
    """The resource that was to be tagged is not there."""
    return ProviderError(
        ProblemCode.FAILED, "The resource is not there any more", "Scan the account to see what is there", retry=False
    )


def in_words(provider: Provider, problem: ProviderError, change: TagChange) -> str:
    """Why the tag is not as it is to be, and what to do about it, for a person."""
    what = f"The tag `{TAG}` could not be {'removed' if change.day is None else 'written'}"
    again = "then mark it again with `tagInCloud`" if change.day else f"or remove `{TAG}` by hand"
    missing = f" The missing permission is {problem.permission}." if problem.permission else ""
    remedy = problem.remedy.removesuffix(".")
    if problem.code is ProblemCode.DENIED:
        remedy = _REMEDIES.get(provider, remedy)
    elif problem.retry:
        remedy = "It was tried several times. See that the cloud can be reached"
    return f"{what}: {problem.message.removesuffix('.')}.{missing} {remedy}; {again}."
