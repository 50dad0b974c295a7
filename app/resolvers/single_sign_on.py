"""Root fields of single sign-on."""

from __future__ import annotations

import strawberry

from app.auth.sessions import Challenge
from app.context import Info
from app.organizations import single_sign_on
from app.organizations.provider_sign_in import complete_sign_in
from app.records import Permission
from app.resolvers.access import Access, Limit, mutation, organization_of
from app.resolvers.sessions import challenged, origin_of, tokens_of, viewer_of
from app.schema.provider_sign_in import (
    CompleteSingleSignOnInput,
    CompleteSingleSignOnPayload,
    CompleteSingleSignOnResult,
)
from app.schema.single_sign_on import (
    ConfigureSingleSignOnInput,
    ConfigureSingleSignOnPayload,
    ConfigureSingleSignOnResult,
    RemoveSingleSignOnInput,
    RemoveSingleSignOnPayload,
    RemoveSingleSignOnResult,
    SingleSignOn,
    VerifyEmailDomainInput,
    VerifyEmailDomainPayload,
    VerifyEmailDomainResult,
)


@strawberry.type
class SingleSignOnMutations:
    """Setting single sign-on, and signing in by it."""

    @mutation(
        Permission.SINGLE_SIGN_ON_MANAGE,
        "Set where your people sign in: an OpenID provider. For owners who are signed in.",
        limit=Limit(20, per=60),
    )
    async def configure_single_sign_on(
        self,
        info: Info,
        input: ConfigureSingleSignOnInput,  # noqa: A002  (Relay's name)
    ) -> ConfigureSingleSignOnResult:
        """See app.organizations.single_sign_on.configure_single_sign_on."""
        runtime = info.context.runtime
        stored = await single_sign_on.configure_single_sign_on(
            runtime.database,
            runtime.vault,
            runtime.openid,
            organization_of(input),
            info.context.signed_in(),
            input.wanted(),
        )
        return ConfigureSingleSignOnPayload(single_sign_on=SingleSignOn.of(info, stored))

    @mutation(
        Permission.SINGLE_SIGN_ON_MANAGE,
        "Have nobody sign in by the provider any more, and give up its domains. For owners who are signed in.",
    )
    async def remove_single_sign_on(
        self,
        info: Info,
        input: RemoveSingleSignOnInput,  # noqa: A002  (Relay's name)
    ) -> RemoveSingleSignOnResult:
        """See app.organizations.single_sign_on.remove_single_sign_on."""
        await single_sign_on.remove_single_sign_on(
            info.context.database, organization_of(input), info.context.signed_in()
        )
        return RemoveSingleSignOnPayload(organization_id=input.organization_id)

    @mutation(
        Access.ROOT,
        "Note that an e-mail domain belongs to an organization that names it, once you have made sure of that.",
    )
    async def verify_email_domain(
        self,
        info: Info,
        input: VerifyEmailDomainInput,  # noqa: A002  (Relay's name)
    ) -> VerifyEmailDomainResult:
        """See app.organizations.single_sign_on.verify_email_domain."""
        stored = await single_sign_on.verify_email_domain(
            info.context.database, info.context.signed_in(), organization_of(input), domain=input.domain
        )
        return VerifyEmailDomainPayload(single_sign_on=SingleSignOn.of(info, stored))

    @mutation(
        Access.ANYONE,
        "Sign in with the code that the browser brought back from your organization's provider.",
        limit=Limit(20, per=60),
    )
    async def complete_single_sign_on(
        self,
        info: Info,
        input: CompleteSingleSignOnInput,  # noqa: A002  (Relay's name)
    ) -> CompleteSingleSignOnResult:
        """See app.organizations.provider_sign_in.complete_sign_in."""
        outcome = await complete_sign_in(
            info.context.runtime.authenticator, origin_of(info), code=input.code, verifier=input.verifier
        )
        if isinstance(outcome, Challenge):
            return challenged(outcome)
        return CompleteSingleSignOnPayload(**tokens_of(outcome), viewer=await viewer_of(info, outcome))
