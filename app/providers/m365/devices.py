"""Devices that are registered in the tenant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from app.providers.base import FoundResource
from app.providers.m365.graph import Document
from app.providers.m365.permissions import READ_DEVICES
from app.providers.m365.reading import Tenant, Trouble, collector, found, moment, text_of

DEVICE: Final = "microsoft.graph/devices"
_PLAIN: Final = (
    "deviceId",
    "accountEnabled",
    "operatingSystem",
    "operatingSystemVersion",
    "trustType",
    "isManaged",
    "isCompliant",
    "managementType",
)
_DEVICES: Final = (
    f"/devices?$select=id,displayName,approximateLastSignInDateTime,registrationDateTime,{','.join(_PLAIN)}&$top=999"
)


def _devices(_trouble: Trouble, tenant: Tenant) -> Iterator[list[FoundResource]]:
    for page in tenant.graph.pages(_DEVICES, "devices", READ_DEVICES):
        yield [_device(entry) for entry in page]


def _device(entry: Document) -> FoundResource:
    signed_in = moment(entry.get("approximateLastSignInDateTime"))
    return found(
        DEVICE,
        f"/devices/{entry['id']}",
        str(entry.get("displayName") or ""),
        {**{name: entry.get(name) for name in _PLAIN}, "lastSignInAt": text_of(signed_in)},
        status="enabled" if entry.get("accountEnabled") else "disabled",
        created_at=moment(entry.get("registrationDateTime")),
        last_used_at=signed_in,
    )


DEVICES: Final = (collector(DEVICE, (READ_DEVICES,), _devices),)
