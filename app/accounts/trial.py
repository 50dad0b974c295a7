"""Trying credentials before they are kept: they work, they are of the right account, and they are for us alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

from app.accounts.credentials import REGIONS
from app.accounts.endpoints import ENDPOINTS
from app.accounts.external_id import aws_external_id
from app.accounts.health import in_words
from app.accounts.verify import Answer, Threads, ask, switched_off
from app.errors import BadUserInputError
from app.providers.base import Target, Verification
from app.providers.problems import TRANSIENT, ProblemCode, ProviderError
from app.records import ConnectionMethod, Provider

ANCESTORS = "ancestors"
EXTERNAL_ID = "externalId"
# What a caller who waits for the answer may do; the remedies of the providers speak of scans.
_REMEDIES: Mapping[ProblemCode, str] = {
    ProblemCode.THROTTLED: "Try again in a minute.",
    ProblemCode.UNREACHABLE: "Check the endpoints and the network between them and Skyledger, or try again later.",
    ProblemCode.BAD_ANSWER: "Try again later. If it stays, check the endpoints and the proxies on the way.",
    ProblemCode.FAILED: "Try again later. If it stays, look at the provider's own health page.",
}


@dataclass(frozen=True)
class InputPlaces:
    """Where in the input an error stands: that of the credentials, or of the one account that is closed to them.

    What says nothing of the credentials, such as a network that is down, stands at the provider's whole input.
    `endpoints_sent` tells that the input has `endpoints`, to which an unreachable provider is put down.
    """

    credentials: tuple[str, ...]
    account: tuple[str, ...] = ()
    endpoints_sent: bool = False

    def of(self, problem: ProviderError) -> tuple[str, ...]:
        """Where a problem with the provider stands."""
        if problem.code is ProblemCode.UNREACHABLE and self.endpoints_sent:
            return ("input", ENDPOINTS)
        if problem.code in TRANSIENT:
            return self.credentials[:2]
        closed = problem.code in {ProblemCode.DENIED, ProblemCode.NOT_ENABLED}
        return self.account if closed and self.account else self.credentials


async def try_credentials(
    threads: Threads, organization_id: UUID, target: Target, places: InputPlaces, *, new_credentials: bool = False
) -> Answer:
    """Ask the provider, within the time limit of one question.

    Raises BadUserInputError where that does not work, where another account than the target's answers, where a region
    is not one of the account's, and for a new role that lets in others than this organization.
    """
    questions = [ask(threads, organization_id, target)]
    if new_credentials and target.method is ConnectionMethod.AWS_ROLE:
        questions.append(ask(threads, organization_id, _of_a_stranger(target)))
    answer, *strangers = await asyncio.gather(*questions, return_exceptions=True)
    if isinstance(answer, ProviderError):
        raise refusal(answer, places.of(answer)) from None
    if isinstance(answer, BaseException):
        raise answer
    _check_account(target, answer, places.credentials)
    for stranger in strangers:
        _check_stranger(target, stranger, places)
    _check_regions(target, answer)
    return answer


def told_settings(verification: Verification) -> dict[str, Any]:
    """What is kept of an answer among the settings: what the account is part of, where the provider told it."""
    return {ANCESTORS: list(verification.ancestors)} if verification.ancestors else {}


def refusal(problem: ProviderError, path: tuple[str, ...]) -> BadUserInputError:
    """A problem with a provider as an answer to the caller: what happened, and what to do about it."""
    remedy = _REMEDIES.get(problem.code, problem.remedy)
    told = ProviderError(problem.code, problem.message, remedy, permission=problem.permission)
    return BadUserInputError(f"{in_words(told)} Nothing was stored.", path=path)


def _of_a_stranger(target: Target) -> Target:
    """The same role as some other organization would assume it: with an external id of the same form."""
    settings = {name: value for name, value in target.settings.items() if name != REGIONS}
    return replace(target, settings=settings | {EXTERNAL_ID: aws_external_id(uuid4())})


def _check_account(target: Target, answer: Answer, path: tuple[str, ...]) -> None:
    told = answer.verification.native_id
    own = target.provider in {Provider.AWS, Provider.MICROSOFT_365}
    if own and target.native_id and told != target.native_id:
        message = f"These credentials belong to the account {told}, not to {target.native_id}. Nothing was stored."
        raise BadUserInputError(message, path=path)


def _check_stranger(target: Target, outcome: Answer | BaseException, places: InputPlaces) -> None:
    """Nothing, if AWS refused the stranger (https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html)."""
    if isinstance(outcome, ProviderError):
        if outcome.code is ProblemCode.CREDENTIALS:
            return
        raise refusal(outcome, places.of(outcome))
    if isinstance(outcome, BaseException):
        raise outcome
    own = target.settings[EXTERNAL_ID]
    message = (
        "The role can be assumed with any external id, so any other organization could read the account through "
        'Skyledger. Add this to the statement of its trust policy that allows sts:AssumeRole: "Condition": '
        f'{{"StringEquals": {{"sts:ExternalId": "{own}"}}}}. Then try again. Nothing was stored.'
    )
    raise BadUserInputError(message, path=places.credentials)


def _check_regions(target: Target, answer: Answer) -> None:
    off = switched_off(target, answer.verification)
    if off:
        known = ", ".join(answer.verification.regions or ())
        message = (
            f"The account has no region {', '.join(off)}, or it is not switched on. Its regions are: {known}. "
            "Nothing was stored."
        )
        raise BadUserInputError(message, path=("input", REGIONS))
