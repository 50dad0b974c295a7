"""Microsoft 365 as one provider: the connection to a tenant, what can be read of it, and the permissions for it."""

from __future__ import annotations

import json

from app.providers.base import Collector, Service, Target
from app.providers.m365.connection import M365Connection
from app.providers.m365.devices import DEVICES
from app.providers.m365.errors import REVEAL
from app.providers.m365.groups import GROUPS
from app.providers.m365.patience import Patience
from app.providers.m365.permissions import GRAPH_APP, ROLE_IDS
from app.providers.m365.storage import STORAGE
from app.providers.m365.subscriptions import LICENCES
from app.providers.m365.users import USERS
from app.providers.opinions import OpinionReader
from app.records import Provider

_COLLECTORS: dict[str, tuple[Collector, ...]] = {
    "licences": LICENCES,
    "users": USERS,
    "groups": GROUPS,
    "storage": STORAGE,
    "devices": DEVICES,
}
_HOW = (
    "Application permissions of Microsoft Graph, all of them to read and none of them to a mail, a message or a file."
    " Save the list under `requiredResourceAccess` as access.json, then:"
    " az ad app update --id <client id> --required-resource-accesses @access.json;"
    " az ad app permission admin-consent --id <client id>."
    f" {REVEAL}, or nobody's use can be told."
)


class M365Cloud:
    """Microsoft 365. An account is a tenant."""

    provider = Provider.MICROSOFT_365
    metric_permissions: tuple[str, ...] = ()

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()

    def connect(self, target: Target) -> M365Connection:
        """A connection, made without a call. Raises ProviderError(CREDENTIALS) for what cannot be read."""
        return M365Connection(target, needed_permissions(), self._patience)

    def services(self) -> tuple[Service, ...]:
        """What can be read of a tenant."""
        return tuple(Service(name, collectors, is_global=True) for name, collectors in _COLLECTORS.items())

    def advisers(self) -> tuple[OpinionReader, ...]:
        """None: Microsoft Graph recommends no savings."""
        return ()

    def policy(self) -> str:
        """The least permissions as JSON; their description says how to grant them."""
        needed = needed_permissions()
        access = [{"id": ROLE_IDS[name], "type": "Role"} for name in needed]
        policy = {
            "description": _HOW,
            "permissions": list(needed),
            "requiredResourceAccess": [{"resourceAppId": GRAPH_APP, "resourceAccess": access}],
        }
        return json.dumps(policy, indent=2)


def needed_permissions() -> tuple[str, ...]:
    """All permissions that the collectors need, each once, in order of name."""
    collectors = (collector for some in _COLLECTORS.values() for collector in some)
    return tuple(sorted({permission for collector in collectors for permission in collector.permissions}))
