"""AWS WAF: web ACLs, and the resources that they stand before."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from app.providers.aws.asking import GONE, Answers, Asking, read_each
from app.providers.aws.reading import paged, tags
from app.providers.base import Collector, FoundResource, Relation, Service
from app.records import RelationshipKind

_WEB_ACL: Final = "AWS::WAFv2::WebACL"
_PAGE: Final = 100
_HOME_OF_CLOUDFRONT: Final = "us-east-1"
"""Where web ACLs for CloudFront live: https://docs.aws.amazon.com/waf/latest/APIReference/API_ListWebACLs.html"""
_PROTECTED: Final = (
    "APPLICATION_LOAD_BALANCER",
    "API_GATEWAY",
    "APPSYNC",
    "COGNITO_USER_POOL",
    "APP_RUNNER_SERVICE",
    "VERIFIED_ACCESS_INSTANCE",
    "AMPLIFY",
)
"""AWS tells the protected resources of one type a call, and load balancers when no type is named."""
_RESOURCES: Final = ("resourceCount", "resources")
_UNKNOWN_TYPE: Final = frozenset({"WAFInvalidParameterException"})
"""A region that has no resources of a type does not know its name."""


def _web_acls(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("wafv2", region)
    asking = Asking(client)
    for page in paged(client, "list_web_acls", "WebACLs", Scope="REGIONAL", Limit=_PAGE):
        yield from read_each(page, partial(_regional, asking, region), GONE)
    if region == _HOME_OF_CLOUDFRONT:
        distributions = asking.through(connection.client("cloudfront", region))
        for page in paged(client, "list_web_acls", "WebACLs", Scope="CLOUDFRONT", Limit=_PAGE):
            yield from read_each(page, partial(_of_cloudfront, asking, distributions, region), GONE)


def _regional(asking: Asking, region: str, web_acl: dict[str, Any]) -> FoundResource:
    answers = asking.about()
    protected: list[str] = []
    for kind in _PROTECTED:
        told = answers.one(
            "list_resources_for_web_acl", _RESOURCES, _UNKNOWN_TYPE, WebACLArn=web_acl["ARN"], ResourceType=kind
        )
        protected.extend(told.get("ResourceArns", ()))
    return _web_acl(answers, region, "REGIONAL", web_acl, protected)


def _of_cloudfront(asking: Asking, distributions: Asking, region: str, web_acl: dict[str, Any]) -> FoundResource:
    told = distributions.about()
    protected = told.all(
        "list_distributions_by_web_acl_id", "DistributionList.Items", _RESOURCES, WebACLId=web_acl["ARN"]
    )
    answers = asking.about(*told.unreadable)
    return _web_acl(answers, region, "CLOUDFRONT", web_acl, [distribution["ARN"] for distribution in protected])


def _web_acl(answers: Answers, region: str, scope: str, web_acl: dict[str, Any], protected: list[str]) -> FoundResource:
    native_id = web_acl["ARN"]
    tagged = answers.all("list_tags_for_resource", "TagInfoForResource.TagList", ("tags",), ResourceARN=native_id)
    resources = sorted(set(protected))
    return FoundResource(
        service="awswaf",
        resource_type=_WEB_ACL,
        native_id=native_id,
        name=web_acl["Name"],
        region=region,
        tags=tags(tagged),
        properties=answers.known(
            {
                "arn": native_id,
                "webAclId": web_acl["Id"],
                "scope": scope,
                "resourceCount": len(resources),
                "resources": resources,
            }
        ),
        relations=tuple(Relation(RelationshipKind.ATTACHED_TO, resource) for resource in resources),
    )


SERVICE: Final = Service(
    name="wafv2",
    collectors=(
        Collector(
            resource_types=(_WEB_ACL,),
            permissions=(
                "wafv2:ListWebACLs",
                "wafv2:ListResourcesForWebACL",
                "wafv2:ListTagsForResource",
                # Asked of the service that a type of resource belongs to, for web ACLs before it.
                "amplify:ListResourcesForWebACL",
                "apprunner:ListAssociatedServicesForWebAcl",
                "appsync:ListResourcesForWebACL",
                "cloudfront:ListDistributionsByWebACLId",
                "cognito-idp:ListResourcesForWebACL",
                "ec2:DescribeVerifiedAccessInstanceWebAclAssociations",
            ),
            pages=_web_acls,
        ),
    ),
)
