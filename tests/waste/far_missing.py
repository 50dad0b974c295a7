"""Operations that moto lacks: they answer what the far account holds of them, in the shape that AWS documents.

Without them a scan would ask in vain, three times with pauses, and could not tell that nothing is there.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from moto.core.responses import ActionResult, BaseResponse
from moto.ec2.responses import EC2Response
from moto.elasticache.responses import ElastiCacheResponse
from moto.kms.responses import KmsResponse
from moto.redshift.responses import RedshiftResponse
from moto.sagemaker.responses import SageMakerResponse

HELD: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
"""What there is, by the name that the answer has for it."""

KEYS_USED: dict[str, dict[str, Any]] = {}
"""What KMS tells of the use of a key, by its id."""


def install() -> None:
    """Teach moto these operations."""
    _answer(EC2Response, "describe_capacity_reservations", "CapacityReservations")
    _answer(EC2Response, "describe_client_vpn_endpoints", "ClientVpnEndpoints")
    _answer(EC2Response, "describe_client_vpn_target_networks", "ClientVpnTargetNetworks")
    _answer(ElastiCacheResponse, "describe_serverless_caches", "ServerlessCaches")
    _answer(RedshiftResponse, "describe_scheduled_actions", "ScheduledActions")
    _answer(SageMakerResponse, "list_apps", "Apps")
    KmsResponse.get_key_last_usage = lambda self: ActionResult(KEYS_USED[self._get_param("KeyId")])  # type: ignore[attr-defined]


def _answer(service: type[BaseResponse], operation: str, name: str) -> None:
    def answer(_self: BaseResponse) -> ActionResult:
        return ActionResult({name: HELD[name]})

    setattr(service, operation, answer)
