"""Who the credentials belong to, and which of the actions that Skyledger needs they may not do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from app.providers.aws.errors import reading_aws
from app.providers.aws.reading import paged
from app.providers.base import Verification
from app.providers.problems import ProblemCode, ProviderError
from app.records import ConnectionMethod

if TYPE_CHECKING:
    from app.providers.aws.session import AwsConnection

_ACTIONS_A_CALL: Final = 100
_ASSUMED: Final = re.compile(r"arn:([a-z-]+):sts::(\d{12}):assumed-role/([^/]+)/")
_ROLE_OR_USER: Final = re.compile(r"arn:[a-z-]+:iam::\d{12}:(user|role)/")
_ROOT: Final = re.compile(r"arn:[a-z-]+:iam::\d{12}:root")

UNTOLD: Final = (
    "Skyledger cannot ask which permissions are missing: allow iam:SimulatePrincipalPolicy on its role or user. "
    "`skyledger permissions aws` prints the whole policy."
)


def verification(connection: AwsConnection) -> Verification:
    """One cheap call for who we are; then, where that is allowed, what is missing and what the account is called."""
    _refuse_own_account(connection)
    told = connection.client("sts", connection.home_region).get_caller_identity()
    account, caller = str(told["Account"]), str(told["Arn"])
    expected = connection.target.native_id
    if expected and account != expected:
        raise ProviderError(
            ProblemCode.CREDENTIALS,
            f"The credentials belong to the AWS account {account}, not to {expected}.",
            "Give credentials of the account itself, or connect the account that they belong to.",
        )
    missing, note = _missing(connection, caller)
    regions = tuple(connection.switched_on()) if connection.target.settings.get("regions") else None
    return Verification(account, caller, missing, name=_name(connection), note=note, regions=regions)


def _refuse_own_account(connection: AwsConnection) -> None:
    """Roles of the operator's own account trust Skyledger for other reasons than being connected by a customer."""
    role = str(connection.target.settings.get("roleArn") or "").split(":")
    if connection.target.method is ConnectionMethod.AWS_ROLE and role[4:5] == [connection.own_account()]:
        raise ProviderError(
            ProblemCode.CREDENTIALS,
            "The role belongs to the AWS account in which Skyledger itself has its credentials.",
            "Connect that account with an access key of its own instead of a role.",
        )


def _missing(connection: AwsConnection, caller: str) -> tuple[tuple[str, ...] | None, str | None]:
    """The actions that the caller may not do; None, and why, where AWS does not tell."""
    if _ROOT.fullmatch(caller):
        return (), "These are the keys of the root user: make a role or user with Skyledger's policy instead."
    principal = _principal(connection, caller)
    if principal is None:
        return None, UNTOLD
    try:
        with reading_aws(("iam:SimulatePrincipalPolicy",)):
            return tuple(_refused(connection, principal)), None
    except ProviderError as error:
        if error.code is ProblemCode.CREDENTIALS:
            raise
        return None, UNTOLD


def _principal(connection: AwsConnection, caller: str) -> str | None:
    """The ARN of the role or user behind the caller. A session's own ARN leaves out the path of its role."""
    if _ROLE_OR_USER.match(caller):
        return caller
    assumed = _ASSUMED.match(caller)
    if assumed is None:
        return None
    partition, account, name = assumed.groups()
    given = str(connection.target.settings.get("roleArn") or "")
    return given if given.endswith(f"/{name}") else f"arn:{partition}:iam::{account}:role/{name}"


def _refused(connection: AwsConnection, principal: str) -> Iterator[str]:
    client = connection.client("iam", connection.home_region)
    actions = sorted(set(connection.permissions))
    for start in range(0, len(actions), _ACTIONS_A_CALL):
        asked = actions[start : start + _ACTIONS_A_CALL]
        results = paged(
            client,
            "simulate_principal_policy",
            "EvaluationResults",
            PolicySourceArn=principal,
            ActionNames=asked,
        )
        for page in results:
            yield from (result["EvalActionName"] for result in page if not _allowed(result))


def _allowed(result: dict[str, Any]) -> bool:
    """Whether policies, the organization's policies and the permissions boundary all allow the action."""
    return (
        result.get("EvalDecision") == "allowed"
        and result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations", True)
        and result.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary", True)
    )


def _name(connection: AwsConnection) -> str | None:
    """The account's alias; None where it has none or does not tell."""
    try:
        with reading_aws(("iam:ListAccountAliases",)):
            aliases = connection.client("iam", connection.home_region).list_account_aliases()["AccountAliases"]
    except ProviderError as error:
        if error.code is ProblemCode.CREDENTIALS:
            raise
        return None
    return str(aliases[0]) if aliases else None
