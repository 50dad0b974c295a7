"""What people do with their own sign-in, through the graph: documents, and a caller."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import pyotp

from tests.clients import ACCEPT, PASSWORD, GraphQL, Person, register

PAYLOADS = {
    "logIn": "accessToken refreshToken viewer { user { email } }",
    "completeLogIn": "accessToken refreshToken expiresAt viewer { user { email } }",
    "enrollTotp": "secret otpauthUri",
    "confirmTotp": "recoveryCodes",
    "disableTotp": "viewer { secondFactor { enabledAt } }",
    "regenerateRecoveryCodes": "recoveryCodes",
    "verifyEmail": "email",
    "resendVerification": "email",
    "changeEmail": "email",
    "requestPasswordReset": "email",
    "resetPassword": "endedSessions",
    "changePassword": "endedSessions",
    "revokeSession": "revokedSessionId",
    "revokeOtherSessions": "endedSessions",
}
CHALLENGE = "... on SecondFactorRequired { challenge expiresAt }"


def document(mutation: str) -> str:
    """The operation of one mutation."""
    name = mutation[0].upper() + mutation[1:]
    return (
        f"mutation ($input: {name}Input!) {{ {mutation}(input: $input) {{ __typename "
        f"... on {name}Payload {{ {PAYLOADS[mutation]} }} {CHALLENGE if mutation == 'logIn' else ''} "
        "... on UserError { code message path } } }"
    )


@dataclass
class Somebody:
    """A registered person, and all that was answered to them."""

    graphql: GraphQL
    person: Person
    secret: str = ""
    step: int = 0
    answers: list[str] = field(default_factory=list)

    async def send(self, mutation: str, *, caller: str | None = None, **values: Any) -> dict[str, Any]:
        """The whole answer to one mutation; `caller` is a token, empty for nobody, the person's own when left out."""
        headers = {"accept": ACCEPT}
        shown = self.person.token if caller is None else caller
        if shown:
            headers["authorization"] = f"Bearer {shown}"
        body = {"query": document(mutation), "variables": {"input": values}}
        response = await self.graphql.client.post("/graphql", json=body, headers=headers)
        self.answers.append(response.text)
        answer: dict[str, Any] = response.json()
        return answer

    async def __call__(self, mutation: str, *, caller: str | None = None, **values: Any) -> dict[str, Any]:
        """What one mutation gives, which must not be a top-level error."""
        answer = await self.send(mutation, caller=caller, **values)
        assert "errors" not in answer, answer["errors"]
        result: dict[str, Any] = answer["data"][mutation]
        return result

    async def log_in(self, password: str = PASSWORD) -> dict[str, Any]:
        """Log in, anonymously as everybody does."""
        return await self("logIn", caller="", email=self.person.email, password=password)

    def code(self) -> str:
        """The next code of the authenticator, which was not used before; up to two are good within one step."""
        totp = pyotp.TOTP(self.secret)
        self.step = max(self.step + 1, _current() - 1)
        assert self.step <= _current() + 1, "all codes of this moment are used"
        return totp.generate_otp(self.step)

    async def enroll(self) -> list[str]:
        """Switch the second factor on; the recovery codes."""
        made = await self("enrollTotp", password=PASSWORD)
        assert made["__typename"] == "EnrollTotpPayload", made
        self.secret = made["secret"]
        confirmed = await self("confirmTotp", code=self.code())
        assert confirmed["__typename"] == "ConfirmTotpPayload", confirmed
        codes: list[str] = confirmed["recoveryCodes"]
        return codes

    async def challenge(self) -> str:
        """The challenge of a new log-in."""
        answer = await self.log_in()
        assert answer["__typename"] == "SecondFactorRequired", answer
        challenge: str = answer["challenge"]
        return challenge

    async def complete(self, challenge: str, **values: Any) -> dict[str, Any]:
        """The whole answer to the second half of a log-in."""
        return await self.send("completeLogIn", caller="", challenge=challenge, **values)


def _current() -> int:
    import time  # noqa: PLC0415

    return int(time.time() // 30)


def another(code: str) -> str:
    """Six digits that are others than these."""
    return re.sub(".$", str((int(code[-1]) + 1) % 10), code)


async def somebody(graphql: GraphQL, name: str = "Ada") -> Somebody:
    """Somebody new."""
    return Somebody(graphql, await register(graphql, name))
