"""`WebServing`: functions as addresses of a small web server, for trials.

Built on Python's `http.server` (bert4keras: bottle and paste); one request at a time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

_MAXIMUM_BYTES = 1 << 20  # of a request


class WebServing:
    """Serves functions; see `route` and `start`.

    Args:
        host: Address to listen at.
        port: Port to listen at.
        server: Ignored.
    """

    def __init__(self, host: str = "0.0.0.0", port: int = 8000, server: str = "") -> None:
        self.host, self.port = host, port
        self._routes: dict[tuple[str, str], tuple[Callable[..., Any], Mapping[str, Any]]] = {}

    def route(
        self,
        path: str,
        func: Callable[..., Any],
        arguments: Mapping[str, tuple[Callable[[str], Any] | None, bool]],
        method: str = "GET",
    ) -> None:
        """Serves a function at a path.

        Args:
            path: Such as `/similar`.
            func: Returns something that JSON can hold.
            arguments: Name of an argument -> its conversion from a string, whether it is required.
            method: "GET" or "POST".
        """
        self._routes[method, path] = func, arguments

    def answer(self, method: str, path: str, query: str) -> dict[str, Any]:
        """Returns `{"code": 0, "desc": ..., "data": ...}`; 1: lacks an argument, 2: failed."""
        func, arguments = self._routes[method, path]
        values = {
            name: texts[-1] for name, texts in parse_qs(query, keep_blank_values=True).items()
        }
        answer: dict[str, Any] = {"code": 0, "desc": "succeeded", "data": {}}
        for name, (_, required) in arguments.items():
            if required and name not in values:
                return {**answer, "code": 1, "desc": f'lack of "{name}" argument'}
        try:
            converted = {
                name: convert(values[name]) if convert else values[name]
                for name, (convert, _) in arguments.items()
                if name in values
            }
            return {**answer, "data": func(**converted)}
        except Exception as error:  # the client is told
            return {**answer, "code": 2, "desc": str(error)}

    def server(self) -> HTTPServer:
        """Returns a server that listens already."""
        serving = self

        class Handler(BaseHTTPRequestHandler):
            def _reply(self) -> None:
                path, query = urlsplit(self.path)[2:4]
                if (self.command, path) not in serving._routes:
                    return self.send_error(404)
                if self.command == "POST":
                    size = min(int(self.headers.get("Content-Length") or 0), _MAXIMUM_BYTES)
                    query = self.rfile.read(size).decode("utf-8", "replace")
                answer = serving.answer(self.command, path, query)
                content = json.dumps(answer, ensure_ascii=False).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json; charset=utf-8")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = _reply

        return HTTPServer((self.host, self.port), Handler)

    def start(self) -> None:
        """Serves until the process is stopped."""
        with self.server() as server:
            server.serve_forever()
