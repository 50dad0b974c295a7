"""Plans of the tenant by part number: ids and some of their service plans, as Microsoft's reference lists them.

https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Plan:
    """A plan: what it is known by, what it is made of, and what the organization pays for a seat."""

    id: str
    services: tuple[str, ...]
    price: str | None = None
    """A month, in USD; None where nobody has entered one."""
    applies_to: str = "User"


_E3 = ("EXCHANGE_S_ENTERPRISE", "SHAREPOINTENTERPRISE", "OFFICESUBSCRIPTION", "TEAMS1", "AAD_PREMIUM")
PLANS = {
    "SPE_E3": Plan("05e9a617-0261-4cee-bb44-138d3ef5d965", _E3, "33.75"),
    "SPE_E5": Plan(
        "06ebc4ee-1bb5-47dd-8120-11324bc54e06",
        (*_E3, "AAD_PREMIUM_P2", "THREAT_INTELLIGENCE", "BI_AZURE_P2", "MCOEV"),
        "54.15",
    ),
    "SPE_F1": Plan("66b55226-6b4f-492c-910c-a3b7a3c9d993", ("EXCHANGE_S_DESKLESS", "SHAREPOINTDESKLESS"), "7.35"),
    "ENTERPRISEPACK": Plan("6fd2c87f-b296-42f0-b197-1e91e994b900", _E3[:4], "21.90"),
    "STANDARDPACK": Plan("18181a46-0d4e-45cd-891e-60aabd171b4e", ("EXCHANGE_S_STANDARD", "SHAREPOINTSTANDARD"), "8.10"),
    "EXCHANGESTANDARD": Plan("4b9405b0-7788-4568-add1-99614e613b69", ("EXCHANGE_S_STANDARD",), "3.85"),
    "EXCHANGEENTERPRISE": Plan("19ec0d23-8335-4cbd-94ac-6050e30712fa", ("EXCHANGE_S_ENTERPRISE",), "7.65"),
    "O365_BUSINESS": Plan("cdd28e44-67e3-425e-be4c-737fab2899d3", ("OFFICE_BUSINESS",), "8.05"),
    "POWER_BI_PRO": Plan("f8a1db68-be16-40ed-86d5-cb42ce701560", ("BI_AZURE_P2",), "13.20"),
    "VISIOCLIENT": Plan("c5928f49-12ba-48f7-ada3-0d743a3601d5", ("VISIO_CLIENT_SUBSCRIPTION",), "14.45"),
    "PROJECTPROFESSIONAL": Plan("53818b1b-4a27-454b-8896-0dba576410e6", ("PROJECT_CLIENT_SUBSCRIPTION",)),
    "Microsoft_365_Copilot": Plan("639dec6b-bb19-468b-871c-c5c441c4b0cb", ("M365_COPILOT_APPS",), "28.35"),
    "FLOW_FREE": Plan("f30db892-07e9-47e9-837c-80727f46fd3d", ("FLOW_P2_VIRAL",)),
    "Teams_Premium_(for_Departments)": Plan("52ea0e27-ae73-4983-a08f-13561ebdb823", ("MCO_VIRTUAL_APPT",), "6.95"),
    "SHAREPOINTSTORAGE": Plan("99049c9c-6011-4908-bf17-15f496e6519d", ("SHAREPOINTSTORAGE",), applies_to="Company"),
}


def seat(name: str) -> Decimal:
    """What a seat costs a month."""
    price = PLANS[name].price
    assert price is not None, name
    return Decimal(price)
