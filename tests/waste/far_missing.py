"""Operations that moto lacks: they answer what the far account holds of them, in the shape that AWS documents.

Without them a scan would ask in vain, three times with pauses, and could not tell that nothing is there.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from moto.core.responses import ActionResult, BaseResponse
from moto.ec2.responses import EC2Response
from moto.eks.responses import EKSResponse
from moto.eks.urls import url_paths as eks_urls
from moto.elasticache.responses import ElastiCacheResponse
from moto.emr.responses import ElasticMapReduceResponse
from moto.fsx.models import FileSystem
from moto.kms.responses import KmsResponse
from moto.redshift.responses import RedshiftResponse
from moto.sagemaker.responses import SageMakerResponse
from moto.wafv2.responses import WAFV2Response

from tests.waste.seeding import OLD

HELD: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
"""What there is, by the name that the answer has for it."""
KEYS_USED: dict[str, dict[str, Any]] = {}
"""What KMS tells of the use of a key, by its id."""
PROTECTED: dict[str, list[str]] = {}
"""The load balancers that a web ACL protects."""
VERSIONS = [
    {"clusterVersion": "1.21", "endOfStandardSupportDate": datetime(2023, 2, 16, tzinfo=UTC)},
    {"clusterVersion": "1.99", "endOfStandardSupportDate": datetime(2999, 1, 1, tzinfo=UTC)},
]
"""Of Kubernetes: one that is long over, and one that never will be."""


def install() -> None:
    """Teach moto these operations."""
    for service, operation, name in (
        (EC2Response, "describe_capacity_reservations", "CapacityReservations"),
        (EC2Response, "describe_client_vpn_endpoints", "ClientVpnEndpoints"),
        (EC2Response, "describe_client_vpn_target_networks", "ClientVpnTargetNetworks"),
        (ElastiCacheResponse, "describe_serverless_caches", "ServerlessCaches"),
        (RedshiftResponse, "describe_scheduled_actions", "ScheduledActions"),
        (SageMakerResponse, "list_apps", "Apps"),
    ):
        _answer(service, operation, partial(_held, name))
    _answer(EKSResponse, "describe_cluster_versions", lambda _: {"clusterVersions": VERSIONS})
    eks_urls["{0}/cluster-versions$"] = EKSResponse().dispatch
    _answer(KmsResponse, "get_key_last_usage", lambda asked: KEYS_USED[asked._get_param("KeyId")])
    _answer(WAFV2Response, "list_resources_for_web_acl", _protected)
    _answer(ElasticMapReduceResponse, "get_auto_termination_policy", lambda _: {})
    described, made = FileSystem.to_dict, time.time() - OLD * 86_400
    lived = {"Lifecycle": "AVAILABLE", "CreationTime": made}
    FileSystem.to_dict = lambda self: described(self) | lived  # type: ignore[method-assign]


def _held(name: str, _asked: BaseResponse) -> dict[str, Any]:
    return {name: HELD[name]}


def _protected(asked: BaseResponse) -> dict[str, Any]:
    is_of_balancers = asked._get_param("ResourceType") == "APPLICATION_LOAD_BALANCER"
    return {"ResourceArns": PROTECTED.get(asked._get_param("WebACLArn"), []) if is_of_balancers else []}


def _answer(service: type[BaseResponse], operation: str, told: Callable[[BaseResponse], dict[str, Any]]) -> None:
    setattr(service, operation, lambda self: ActionResult(told(self)))
