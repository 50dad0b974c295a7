"""The far side of the scans that are measured: moto's EC2, a process of its own, that pages its lists as AWS does.

moto by itself gives volumes and network interfaces in one page, whatever size is asked for, and instances by so many
reservations; two lists that a scan reads are unknown to it. Here a page holds what was asked for, and the two lists
are empty. The tags of a resource are looked up by its id: moto goes through the tags of all resources for each, so
that a page of 5,000 instances takes minutes, in which a scan's own work would not be seen. All else is moto's own.

`python -m benchmarks.far_side PORT PARENT` serves on loopback until that process ends; `GET /calls` tells the bodies
of the requests since it was last asked, as they were sent.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.models.tags import TagBackend
from moto.ec2.responses import EC2Response
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, run_simple

from app.cli.processes import end_with_parent

PAGE = 1000
"""The most that EC2 gives when no size is asked for."""
PAGED = {"describe_volumes": "Volumes", "describe_network_interfaces": "NetworkInterfaces"}
LACKED = {
    "describe_capacity_reservations": "CapacityReservations",
    "describe_client_vpn_endpoints": "ClientVpnEndpoints",
}

Answer = Callable[[Any], ActionResult]
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Handler(WSGIRequestHandler):
    """Keeps connections open, as AWS does, and says nothing."""

    protocol_version = "HTTP/1.1"

    def log(self, *_arguments: Any) -> None:
        """Not a word."""


def serve(port: int) -> None:
    """Serve until the process is ended."""
    for operation, key in PAGED.items():
        setattr(EC2Response, operation, by_page(getattr(EC2Response, operation), key))
    for operation, key in LACKED.items():
        setattr(EC2Response, operation, empty(key))
    for operation in ("describe_instances",):
        setattr(EC2Response, operation, by_instances(getattr(EC2Response, operation)))
    for method in ("get_tags",):
        setattr(TaggedEC2Resource, method, tags_of)
    application = noting(DomainDispatcherApplication(create_backend_app))
    run_simple("127.0.0.1", port, application, threaded=True, request_handler=Handler)


def by_page(answer: Answer, key: str) -> Answer:
    """The same list, in pages."""

    def page(self: Any) -> ActionResult:
        found: Any = answer(self).result
        first, size = _first(self), _size(self)
        following = str(first + size) if first + size < len(found[key]) else None
        return ActionResult({key: found[key][first : first + size], "NextToken": following})

    return page


def by_instances(answer: Answer) -> Answer:
    """Reservations, in pages of so many instances; a reservation is never divided."""

    def page(self: Any) -> ActionResult:
        found: Any = answer(self).result
        # moto has left out the reservations before the token, and those beyond as many as instances are asked for.
        left, taken, size = found["Reservations"], 0, _size(self)
        for reservation in left:
            size -= len(reservation.instances)
            if taken and size < 0:
                break
            taken += 1
        following = left[taken - 1].id if taken < len(left) else found["NextToken"]
        return ActionResult({"Reservations": left[:taken], "NextToken": following})

    return page


def empty(key: str) -> Answer:
    """A list of nothing."""

    def page(_self: Any) -> ActionResult:
        return ActionResult({key: []})

    return page


def tags_of(resource: Any) -> list[dict[str, str]]:
    """The tags of one resource."""
    own = TagBackend()
    own.tags[resource.id] = resource.ec2_backend.tags.get(resource.id, {})
    return own.describe_tags({"resource-id": [resource.id]})


def noting(application: Wsgi) -> Wsgi:
    """The same application, which keeps the bodies of its requests until it is asked for them."""
    noted: list[str] = []

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/calls":
            told = json.dumps(noted).encode()
            noted.clear()
            start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(told)))])
            return [told]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        noted.append(body.decode())
        return application({**environ, "wsgi.input": BytesIO(body)}, start_response)

    return answer


def _first(response: Any) -> int:
    return int(response._get_param("NextToken") or 0)  # noqa: SLF001 - as moto's own answers read it


def _size(response: Any) -> int:
    return int(response._get_param("MaxResults") or PAGE)  # noqa: SLF001 - as above


if __name__ == "__main__":
    end_with_parent(int(sys.argv[2]))
    serve(int(sys.argv[1]))
