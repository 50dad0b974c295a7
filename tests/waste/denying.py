"""Whom the far account lets read metrics."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.providers.moto import far_client

USER = "skyledger"
METRICS = ("cloudwatch:GetMetricData", "monitoring:GetMetricData")
"""What reading metrics is called: moto names an action by the host of its service, which here is another name."""


def make_user(url: str) -> tuple[str, str]:
    """A user that may do everything for now: its keys."""
    iam = far_client(url, "iam")
    iam.create_user(UserName=USER)
    iam.put_user_policy(UserName=USER, PolicyName="allow", PolicyDocument=_policy("Allow", "*"))
    key = iam.create_access_key(UserName=USER)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def deny_metrics(url: str, *, denied: bool = True) -> None:
    """Deny the user to read metrics from now on, or allow it again."""
    _ask_for_permissions_after(url, "inf")  # whoever changes policies is nobody that moto knows
    iam: Any = far_client(url, "iam")
    if denied:
        iam.put_user_policy(UserName=USER, PolicyName="metrics", PolicyDocument=_policy("Deny", *METRICS))
        _ask_for_permissions_after(url, "0")
    else:
        iam.delete_user_policy(UserName=USER, PolicyName="metrics")


def _policy(effect: str, *actions: str) -> str:
    statement = {"Effect": effect, "Action": actions, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _ask_for_permissions_after(url: str, calls: str) -> None:
    """Have moto check policies after so many calls."""
    httpx.post(f"{url}/moto-api/reset-auth", content=calls, timeout=120).raise_for_status()
