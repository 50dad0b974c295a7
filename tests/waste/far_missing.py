"""Operations that moto lacks: they answer what the far account holds of them, in the shape that AWS documents.

Without them a scan would ask in vain, three times with pauses, and could not tell that nothing is there.
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, BaseResponse
from moto.ec2.responses import EC2Response

HELD: dict[str, list[dict[str, Any]]] = {"CapacityReservations": [], "ClientVpnEndpoints": [], "ClientVpnTargetNetworks": []}
"""What there is, by the name that the answer has for it."""


def install() -> None:
    """Teach moto these operations."""
    _answer(EC2Response, "describe_capacity_reservations", "CapacityReservations")
    _answer(EC2Response, "describe_client_vpn_endpoints", "ClientVpnEndpoints")
    _answer(EC2Response, "describe_client_vpn_target_networks", "ClientVpnTargetNetworks")


def _answer(service: type[BaseResponse], operation: str, name: str) -> None:
    def answer(_self: BaseResponse) -> ActionResult:
        return ActionResult({name: HELD.setdefault(name, [])})

    setattr(service, operation, answer)
