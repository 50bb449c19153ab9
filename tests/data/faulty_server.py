"""A web server on this machine that does what it is told, wrong things included, and remembers what it was asked."""

from __future__ import annotations

import re
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from rankbench.data.download import Patience

QUICK = Patience(timeout=5.0, sleep=lambda seconds: None)
"""Patience without waits."""


@dataclass
class Request:
    """What was asked, and how many bytes of a body were sent."""

    method: str
    path: str
    headers: dict[str, str]
    status: int = 0
    sent: int = 0

    @property
    def begin(self) -> int | None:
        """Where the range begins that was asked for."""
        match = re.fullmatch(r"bytes=(\d+)-\d*", self.headers.get("range", ""))
        return int(match[1]) if match else None


@dataclass
class Site:
    """What stands at an address.

    Args:
        content: the file.
        etag, modified: validators, None for none.
        ranges: whether parts can be had.
        heeds_if_range: whether If-Range is obeyed.
        announce: the length to announce in place of the true one.
        framing: "length", "chunked" or "close", how the end of the body is shown.
        refusals: answers in place of the content, one a request: a status, or a status and headers.
        cuts: after how many bytes of a body to break off, one a request that gets content.
        drip: bytes and seconds, for a body that comes slowly.
        head: the status of an answer to HEAD, None for that of GET.
        moved_to: where a redirect leads.
        headers: further ones, or others in place of those made here.
    """

    content: bytes = b""
    etag: str | None = '"v1"'
    modified: str | None = None
    ranges: bool = True
    heeds_if_range: bool = True
    announce: int | None = None
    framing: str = "length"
    refusals: list[int | tuple[int, dict[str, str]]] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    drip: tuple[int, float] | None = None
    head: int | None = None
    moved_to: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class Server:
    """Sites by their path; `url + path` is the address of one."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.sites: dict[str, Site] = {}
        self.requests: list[Request] = []

    def put(self, path: str, content: bytes = b"", **traits: object) -> str:
        """Set a site up and return its address."""
        self.sites[path] = Site(content, **traits)
        return self.url + path

    def got(self, path: str | None = None, method: str = "GET") -> list[Request]:
        return [r for r in self.requests if r.method == method and path in (None, r.path)]

    @property
    def sent(self) -> int:
        """Bytes of bodies sent so far."""
        return sum(request.sent for request in self.requests)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Server

    def do_GET(self):
        self._answer()

    def do_HEAD(self):
        self._answer()

    def log_message(self, *_):
        pass

    def _answer(self):
        path = unquote(urlsplit(self.path).path)
        self.request_seen = Request(self.command, path, {k.lower(): v for k, v in self.headers.items()})
        self.state.requests.append(self.request_seen)
        try:
            self._reply(self.state.sites.get(path))
        except OSError:
            self.close_connection = True  # the client went away

    def _reply(self, site: Site | None):
        if site is None:
            return self._short(404, {})
        if site.refusals:
            refusal = site.refusals.pop(0)
            return self._short(*(refusal if isinstance(refusal, tuple) else (refusal, {})))
        if site.moved_to:
            return self._short(302, {"Location": site.moved_to})
        if self.command == "HEAD" and site.head not in (None, 200):
            return self._short(site.head, {})
        begin, size = self.request_seen.begin, len(site.content)
        if begin is None or not site.ranges or (site.heeds_if_range and not self._is_current(site)):
            return self._body(site, 200, 0, {})
        if begin >= size:
            return self._short(416, {"Content-Range": f"bytes */{size}"})
        return self._body(site, 206, begin, {"Content-Range": f"bytes {begin}-{size - 1}/{size}"})

    def _is_current(self, site: Site) -> bool:
        asked = self.headers.get("If-Range")
        return asked is None or asked in (site.etag, site.modified)

    def _start(self, status: int, headers: dict[str, str]):
        self.request_seen.status = status
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _short(self, status: int, headers: dict[str, str]):
        body = b"" if self.command == "HEAD" else f"status {status}".encode()
        self._start(status, {"Content-Length": str(len(body)), **headers})
        self.wfile.write(body)

    def _body(self, site: Site, status: int, begin: int, headers: dict[str, str]):
        body = site.content[begin:]
        length = len(body) if site.announce is None else site.announce
        framing = {"length": {"Content-Length": str(length)}, "chunked": {"Transfer-Encoding": "chunked"}, "close": {}}
        validators = {"ETag": site.etag, "Last-Modified": site.modified}
        known = {name: value for name, value in validators.items() if value}
        self._start(status, {**framing[site.framing], **known, **headers, **site.headers})
        if self.command == "HEAD":
            return
        cut = site.cuts.pop(0) if site.cuts else None
        step, pause = site.drip or (1 << 16, 0.0)
        for at in range(0, len(body[:cut]), step):
            self._write(body[:cut][at : at + step], site.framing)
            time.sleep(pause)
        if site.framing == "chunked" and cut is None:
            self.wfile.write(b"0\r\n\r\n")
        if cut is not None or site.framing == "close" or length != len(body):
            self.close_connection = True

    def _write(self, piece: bytes, framing: str):
        self.request_seen.sent += len(piece)  # before it is written: the client may be done first
        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if framing == "chunked" else piece)


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_):
        pass  # clients that go away are part of the tests


@contextmanager
def faulty_server(context=None):
    """Run a server; with an SSL context, an https one."""
    handler = type("Bound", (Handler,), {})
    server = _Quiet(("127.0.0.1", 0), handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    state = handler.state = Server(f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
