"""The files of the GraphiQL page: what was built, how it is cached and compressed, and the routes that serve it."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from app.server.graphiql.examples import EXAMPLES_PATH, examples_document

ROOM = Path(__file__).parent
ASSETS_PATH = "/graphql/assets"
CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
# Fonts in woff2 are compressed already; below this size a gzip header costs more than it saves.
INCOMPRESSIBLE = frozenset({".woff2"})
GZIP_MINIMUM_BYTES = 512
# The name of a built file holds a hash of its content, so it may be kept for a year.
KEEP_FOR_EVER = "public, max-age=31536000, immutable"
ASK_EVERY_TIME = "no-cache"
# For the workers, which obey the policy of their own answer: they load parts of the bundle and reach nothing else.
FILE_POLICY = "default-src 'none'; script-src 'self'"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the last build made: role → file name, files to fetch early, package versions, file name → sha256."""

    page: Mapping[str, str]
    preload: tuple[str, ...]
    versions: Mapping[str, str]
    sha256: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Body:
    """One file as it is sent; `compressed` is None where gzip is not worth it."""

    plain: bytes
    compressed: bytes | None
    etag: str


@cache
def manifest() -> Manifest:
    """Reads assets/manifest.json, written by tools/graphiql/build.sh."""
    document = json.loads((ROOM / "assets" / "manifest.json").read_bytes())
    return Manifest(
        page=document["page"],
        preload=tuple(document["preload"]),
        versions=document["versions"],
        sha256={name: facts["sha256"] for name, facts in document["files"].items()},
    )


def asset_routes() -> list[BaseRoute]:
    """Routes for the built files and for examples.json, which is read from its folder now, not at build time."""
    examples = _examples_body()

    def serve_examples(request: Request) -> Response:
        return _answer(request, examples, suffix=".json", cache_control=ASK_EVERY_TIME)

    return [Route(EXAMPLES_PATH, serve_examples), Route(ASSETS_PATH + "/{name}", _serve_file)]


def _serve_file(request: Request) -> Response:
    """Serves one built file. Only names of the manifest exist, so no path can lead out of the folder.

    A plain function: Starlette runs it in a thread, where the first reading and compression of a file block nobody.
    """
    name = request.path_params["name"]
    if name not in manifest().sha256:
        return PlainTextResponse("There is no such file.\n", status_code=404, headers={"Cache-Control": ASK_EVERY_TIME})
    suffix = Path(name).suffix
    cache_control = KEEP_FOR_EVER if "-" in name else ASK_EVERY_TIME
    return _answer(request, _file_body(name), suffix=suffix, cache_control=cache_control)


@cache
def _examples_body() -> _Body:
    """The examples, read and parsed once for all applications of a process: 40 ms."""
    return _body(examples_document(), suffix=".json")


@cache
def _file_body(name: str) -> _Body:
    """The content of one built file, kept in memory: about 5 MB for all, and 2 MB compressed."""
    return _body((ROOM / "assets" / name).read_bytes(), suffix=Path(name).suffix)


def _body(content: bytes, *, suffix: str) -> _Body:
    worthwhile = suffix not in INCOMPRESSIBLE and len(content) >= GZIP_MINIMUM_BYTES
    return _Body(
        plain=content,
        compressed=gzip.compress(content, compresslevel=9, mtime=0) if worthwhile else None,
        etag=hashlib.sha256(content).hexdigest()[:32],
    )


def _answer(request: Request, body: _Body, *, suffix: str, cache_control: str) -> Response:
    """200 with the content, gzipped where the client takes it, or 304 where the client has it."""
    compressed = body.compressed if _takes_gzip(request.headers.get("accept-encoding", "")) else None
    etag = f'"{body.etag}"' if compressed is None else f'"{body.etag}-gzip"'
    headers = {
        "Cache-Control": cache_control,
        "Content-Security-Policy": FILE_POLICY,
        "Cross-Origin-Resource-Policy": "same-origin",
        "ETag": etag,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    headers["Content-Type"] = CONTENT_TYPES[suffix]
    if compressed is not None:
        headers["Content-Encoding"] = "gzip"
    return Response(body.plain if compressed is None else compressed, headers=headers)


def _takes_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header allows gzip; `gzip;q=0` refuses it."""
    for choice in accept_encoding.lower().split(","):
        coding, _, weight = choice.partition(";")
        if coding.strip() in {"gzip", "*"}:
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
