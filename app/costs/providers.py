"""Which provider, account and resource of the inventory a charge names: FOCUS leaves the spelling to who exports."""

from __future__ import annotations

import re
from typing import Final

from app.records import Provider

# Parts of names as exports have them (AWS, Amazon Web Services, Inc.; Microsoft; Google Cloud; …), the first that fits.
_PARTS = (
    ("aws", Provider.AWS),
    ("amazon", Provider.AWS),
    ("microsoft 365", Provider.MICROSOFT_365),
    ("office 365", Provider.MICROSOFT_365),
    ("azure", Provider.AZURE),
    ("microsoft", Provider.AZURE),
    ("gemini", Provider.GEMINI),
    ("google", Provider.GCP),
    ("gcp", Provider.GCP),
    ("openai", Provider.OPENAI),
    ("anthropic", Provider.ANTHROPIC),
)
# How providers write the ids of what the inventory calls by its short name.
_EC2: Final = re.compile(r"arn:[^:]*:ec2:[^:]*:[^:]*:[^/:]+/([^/:]+)")
_S3: Final = re.compile(r"arn:[^:]*:s3:::([^/*]+)")
# The bare id is in x_SubscriptionId: https://learn.microsoft.com/cloud-computing/finops/focus/mapping.
_SUBSCRIPTION: Final = re.compile(r"/subscriptions/([^/]+)", re.IGNORECASE)


def provider_of(*names: str | None) -> Provider | None:
    """The provider that the first telling name stands for; None where none of them is known."""
    for name in names:
        for part, provider in _PARTS:
            if name is not None and part in name.lower():
                return provider
    return None


def resource_key(resource_id: str) -> str:
    """A ResourceId as the inventory writes it: Azure's in lower case, EC2's and S3's short, all others as they are.

    Google's begin with two slashes, and have names whose case counts, such as those of datasets.
    """
    if resource_id[:1] == "/" and resource_id[:2] != "//":
        return resource_id.lower()
    if resource_id.startswith("arn:"):
        short = _EC2.fullmatch(resource_id) or _S3.fullmatch(resource_id)
        return short.group(1) if short else resource_id
    return resource_id


def account_key(sub_account_id: str) -> str:
    """A SubAccountId as accounts are named: a subscription of Azure by its bare id, all others as they are."""
    subscription = _SUBSCRIPTION.fullmatch(sub_account_id)
    return sub_account_id if subscription is None else subscription[1].lower()
