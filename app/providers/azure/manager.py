"""Azure Resource Manager: what Resource Graph does not hold, read resource by resource and page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import quote, urlencode, urlsplit

from azure.core.exceptions import ResourceNotFoundError
from azure.core.rest import HttpRequest, HttpResponse
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.models import Tags, TagsPatchResource

from app.providers.azure.errors import bad_answer, in_our_words, tells_absence

_METRICS_VERSION = "2024-02-01"
_REMEMBERED = 20_000
"""Creation times kept at once, about 7 MB; resources beyond are told without one."""


class ResourceManager:
    """Reads one subscription."""

    def __init__(self, client: ResourceManagementClient, management: str, subscription_id: str) -> None:
        self._client = client
        self._management = management
        self._subscription = f"/subscriptions/{subscription_id}"

    def subscription(self) -> dict[str, Any]:
        """The subscription: `displayName`, `state`, `tenantId`. Raises ProviderError."""
        return self._object(f"{self._subscription}?api-version=2022-12-01", "the subscription") or {}

    def permissions(self) -> list[dict[str, Any]]:
        """What the caller's roles allow in the subscription. Raises ProviderError."""
        path = f"{self._subscription}/providers/Microsoft.Authorization/permissions"
        return [entry for page in self.pages(path, "2022-04-01", "its permissions") for entry in page]

    def part(self, path: str, api_version: str, reading: str) -> dict[str, Any] | None:
        """The resource at a path, None where there is none. Raises ProviderError."""
        return self._object(f"{path}?api-version={api_version}", reading, absent=tells_absence)

    def metrics(
        self, resource: str, parameters: Mapping[str, str], has_none: Callable[[HttpResponse], bool], reading: str
    ) -> dict[str, Any] | None:
        """Metrics of the resource with that ARM id, None where there is none of them. Raises ProviderError.

        `has_none` says whether an answer means that the resource, which may be there, has no such metric.
        """
        path = f"{quote(resource, safe='/()')}/providers/microsoft.insights/metrics"
        query = urlencode({"api-version": _METRICS_VERSION, **parameters}, quote_via=quote)
        return self._object(f"{path}?{query}", reading, absent=lambda told: tells_absence(told) or has_none(told))

    def pages(self, path: str, api_version: str, reading: str) -> Iterator[list[dict[str, Any]]]:
        """The entries of a collection, page by page; none where its owner is gone. Raises ProviderError."""
        url = f"{path}?api-version={api_version}"
        seen: set[str] = set()
        while True:
            answer = self._object(url, reading, absent=None if seen else tells_absence)
            if answer is None:
                return
            entries = answer.get("value")
            if not isinstance(entries, list):
                raise bad_answer(reading, "it holds no list")
            yield entries
            url = answer.get("nextLink") or ""
            if not url:
                return
            self._follow(url, seen, reading)

    def tags(self, scope: str, reading: str) -> dict[str, str] | None:
        """The tags of the resource or group with that ARM id, None where there is none. Raises ProviderError."""
        with in_our_words(reading):
            try:
                found = self._client.tags.get_at_scope(scope.lstrip("/"))
            except ResourceNotFoundError as error:
                if error.response is not None and tells_absence(cast("HttpResponse", error.response)):
                    return None
                raise
        return dict(found.properties.tags or {}) if found.properties else {}

    def change_tags(self, scope: str, operation: str, tags: Mapping[str, str], reading: str) -> None:
        """Merge tags into those of a resource, or delete some, as `operation` says; it may take a while to be seen.

        The SDK's own waiting is not used: it follows links to wherever they lead. Raises ProviderError.
        """
        patch = TagsPatchResource(operation=operation, properties=Tags(tags=dict(tags)))
        with in_our_words(reading):
            self._client.tags.begin_update_at_scope(scope.lstrip("/"), patch, polling=False)

    def created_times(self, resource_types: Sequence[str], reading: str) -> dict[str, datetime]:
        """When the resources of these types were made, in UTC by native id, for as many as are worth the memory."""
        wanted = " or ".join(f"resourceType eq '{name}'" for name in resource_types)
        times: dict[str, datetime] = {}
        seen: set[str] = set()
        with in_our_words(reading):
            pages: Any = self._client.resources.list(filter=wanted, expand="createdTime").by_page()
            for page in pages:
                for entry in page:
                    if entry.id and entry.created_time and len(times) < _REMEMBERED:
                        times[entry.id.lower()] = entry.created_time.astimezone(UTC)
                if pages.continuation_token:
                    self._follow(pages.continuation_token, seen, reading)
                if len(times) >= _REMEMBERED:
                    break
        return times

    def _follow(self, link: str, seen: set[str], reading: str) -> None:
        """Refuse a link that was followed before, or that would carry our token to another host."""
        if link in seen:
            raise bad_answer(reading, "the same page is linked twice")
        here, there = urlsplit(self._management), urlsplit(link)
        if (there.scheme, there.netloc.lower()) != (here.scheme, here.netloc.lower()):
            raise bad_answer(reading, "its next page is on another host")
        seen.add(link)

    def _object(
        self, url: str, reading: str, *, absent: Callable[[HttpResponse], bool] | None = None
    ) -> dict[str, Any] | None:
        with in_our_words(reading):
            response = self._client.send_request(HttpRequest("GET", url))
            if absent is not None and absent(response):
                return None
            response.raise_for_status()
            answer = response.json()
        if not isinstance(answer, dict):
            raise bad_answer(reading, "it is no object")
        return answer
