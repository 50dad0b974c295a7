"""Whom an account in moto lets do what: moto checks policies from a call on."""

from __future__ import annotations

import json

import httpx

from tests.providers.moto import far_client

USER = "skyledger"


def make_user(url: str) -> tuple[str, str]:
    """A user that may do everything for now: its keys."""
    iam = far_client(url, "iam")
    iam.create_user(UserName=USER)
    iam.put_user_policy(UserName=USER, PolicyName="allow", PolicyDocument=_policy("Allow", ["*"]))
    key = iam.create_access_key(UserName=USER)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def deny(url: str, *actions: str) -> None:
    """Deny the user some actions from now on."""
    ask_for_permissions_after(url, "inf")  # whoever changes policies is nobody that moto knows
    far_client(url, "iam").put_user_policy(
        UserName=USER, PolicyName="deny", PolicyDocument=_policy("Deny", list(actions))
    )
    ask_for_permissions_after(url, "0")


def allow(url: str) -> None:
    """Let the user do everything again."""
    ask_for_permissions_after(url, "inf")
    far_client(url, "iam").delete_user_policy(UserName=USER, PolicyName="deny")


def ask_for_permissions_after(url: str, calls: str) -> None:
    """Have moto check policies after so many calls."""
    httpx.post(f"{url}/moto-api/reset-auth", content=calls, timeout=120).raise_for_status()


def _policy(effect: str, actions: list[str]) -> str:
    statement = {"Effect": effect, "Action": actions, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
