"""The far side of Azure's blob storage: a storage account by its name as path, over TLS, and the sign-in."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.providers.azure.arm_server import ArmServer, Certificate

ACCOUNT, CONTAINER = "acmecosts", "exports"
STORAGE_SCOPE = quote("https://storage.azure.com/.default", safe="")
MANAGEMENT_SCOPE = quote("https://management.azure.com/.default", safe="")
_RANGE = re.compile(r"bytes=(\d+)-(\d+)?")


@dataclass
class Blob:
    """A blob as it is told; `sent` is what arrives of it where that is something else."""

    content: bytes
    modified: datetime
    has_md5: bool = True
    sent: bytes | None = None

    @property
    def tag(self) -> str:
        """Another one for each content."""
        return f"0x{hashlib.sha256(self.content + self.modified.isoformat().encode()).hexdigest()[:15].upper()}"

    @property
    def md5(self) -> str:
        """As Azure tells it."""
        return base64.b64encode(hashlib.md5(self.content, usedforsecurity=False).digest()).decode()


@dataclass
class BlobServer:
    """What the storage account holds and how it is to behave; tests change it at will."""

    blobs: dict[str, Blob] = field(default_factory=dict)
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Status and code by part of the path and query."""
    page_size: int = 1000
    arm: ArmServer = field(default_factory=lambda: ArmServer({}))
    requests: list[str] = field(default_factory=list)
    clock: datetime = field(default_factory=lambda: datetime(2026, 11, 1, 6, tzinfo=UTC))

    def put(self, name: str, content: bytes, **more: Any) -> None:
        """Write a blob, a second after the one before."""
        self.clock += timedelta(seconds=1)
        self.blobs[name] = Blob(content, self.clock, **more)

    def answer(self, method: str, target: str, headers: Any, body: str) -> tuple[int, dict[str, str], bytes]:
        """The answer to one request."""
        parts = urlsplit(target)
        path = unquote(parts.path)
        if not path.startswith(f"/{ACCOUNT}/"):
            told = self.arm.answer(method, target, headers, body.replace(STORAGE_SCOPE, MANAGEMENT_SCOPE))
            return told.status, {"Content-Type": "application/json"}, json.dumps(told.body).encode()
        self.requests.append(f"{method} {unquote(target)}")
        for about, (status, code) in self.refusals.items():
            if about in unquote(target):
                return _refused(status, code)
        if headers.get("Authorization", "").removeprefix("Bearer ") not in self.arm.tokens:
            return _refused(401, "InvalidAuthenticationInfo")
        container, _, name = path.removeprefix(f"/{ACCOUNT}/").partition("/")
        if container != CONTAINER:
            return _refused(404, "ContainerNotFound")
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        return self._list(query) if query.get("comp") == "list" else self._get(name, headers)

    def _list(self, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        names = sorted(name for name in self.blobs if name.startswith(query.get("prefix", "")))
        start = int(query.get("marker", "0"))
        page = names[start : start + self.page_size]
        marker = str(start + self.page_size) if start + self.page_size < len(names) else ""
        entries = "".join(_listed(name, self.blobs[name]) for name in page)
        text = (
            f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="{CONTAINER}">'
            f"<Blobs>{entries}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"
        )
        return 200, {"Content-Type": "application/xml"}, text.encode()

    def _get(self, name: str, headers: Any) -> tuple[int, dict[str, str], bytes]:
        blob = self.blobs.get(name)
        if blob is None:
            return _refused(404, "BlobNotFound")
        if headers.get("If-Match", f'"{blob.tag}"') != f'"{blob.tag}"':
            return _refused(412, "ConditionNotMet")
        content = blob.content if blob.sent is None else blob.sent
        told = {
            "ETag": f'"{blob.tag}"',
            "Last-Modified": format_datetime(blob.modified, usegmt=True),
            "Content-Type": "application/octet-stream",
            "x-ms-blob-type": "BlockBlob",
        }
        if blob.has_md5:
            told["x-ms-blob-content-md5"] = blob.md5
        asked = _RANGE.fullmatch(headers.get("x-ms-range") or headers.get("Range") or "")
        if asked is None:
            return 200, told, content
        start, end = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
        if start >= len(content):
            return _refused(416, "InvalidRange")
        told["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
        return 206, told, content[start : end + 1]


def _listed(name: str, blob: Blob) -> str:
    md5 = f"<Content-MD5>{blob.md5}</Content-MD5>" if blob.has_md5 else ""
    return (
        f"<Blob><Name>{escape(name)}</Name><Properties>"
        f"<Last-Modified>{format_datetime(blob.modified, usegmt=True)}</Last-Modified><Etag>{blob.tag}</Etag>"
        f"<Content-Length>{len(blob.content)}</Content-Length>{md5}<BlobType>BlockBlob</BlobType>"
        "</Properties></Blob>"
    )


def _refused(status: int, code: str) -> tuple[int, dict[str, str], bytes]:
    text = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>refused</Message></Error>'
    return status, {"Content-Type": "application/xml", "x-ms-error-code": code}, text.encode()


@contextmanager
def serving_blobs(server: BlobServer, certificate: Certificate, folder: Path) -> Iterator[str]:
    """The server on a free port of loopback; gives its URL."""
    files = folder / "blobs.pem", folder / "blobs.key"
    files[0].write_bytes(certificate.pem)
    files[1].write_bytes(certificate.key_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    handler = type("Handler", (_Handler,), {"far": server})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listener:
        listener.daemon_threads = True
        listener.socket = context.wrap_socket(listener.socket, server_side=True, do_handshake_on_connect=False)
        server.arm.url = f"https://localhost:{listener.server_address[1]}"
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.arm.url
        finally:
            listener.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    far: BlobServer

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        status, headers, content = self.far.answer(self.command, self.path, self.headers, body)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815  (the base class wants this name)

    def log_message(self, *_arguments: Any) -> None:
        """The tests' output is quiet."""
