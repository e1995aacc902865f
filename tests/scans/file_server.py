"""A local HTTP server that misbehaves as servers do."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """What the server holds and how it behaves; tests change it while it runs.

    Args:
        files: content by path.
        etag: sent with every file; none when empty.
        ranges: whether Range requests are honoured.
        cut_after: an answer breaks off after so many bytes of its body; one entry an answer, then none.
        statuses: sent instead of an answer, one entry an answer, then none.
        requests: (path, Range header, If-Range header) of each request so far.
    """

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    etag: str = '"one"'
    ranges: bool = True
    cut_after: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    requests: list[tuple[str, str | None, str | None]] = field(default_factory=list)


@contextmanager
def file_server() -> Iterator[FileServer]:
    """Run one on a free port of this machine."""
    state = FileServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            span, condition = self.headers.get("Range"), self.headers.get("If-Range")
            state.requests.append((self.path, span, condition))
            if state.statuses:
                self._end(state.statuses.pop(0))
            elif self.path not in state.files:
                self._end(404)
            else:
                self._send(state.files[self.path], span, condition)

        def _end(self, status: int, **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()

        def _send(self, content: bytes, span: str | None, condition: str | None) -> None:
            start = 0
            if span and state.ranges and condition in (None, state.etag):
                start = int(re.fullmatch(r"bytes=(\d+)-", span)[1])  # type: ignore[index]
                if start >= len(content):
                    self._end(416, Content_Range=f"bytes */{len(content)}")
                    return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            if state.etag:
                self.send_header("ETag", state.etag)
            body = content[start:]
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if state.cut_after:
                self.wfile.write(body[: state.cut_after.pop(0)])
                self.close_connection = True
            else:
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
