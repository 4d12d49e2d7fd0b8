"""HTTP server of the drawing page: static files, and JSON answers of a `Recognizer` to drawings in PNG.

It listens on 127.0.0.1 only. Pages of other sites, which run in the same browser, get no answer: the name in
the header Host must be local, and the header Origin must be the server itself.
"""

import json
import os
import re
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any

from ._recognizer import Recognizer

MAX_BODY = 512 * 1024  # bytes of a request; a drawn digit has about 10,000
_LOCAL_HOST = r"(127\.0\.0\.1|localhost)(:[0-9]{1,5})?"
_FILES = {  # path: file and content type
    "/": ("index.html", "text/html"),
    "/style.css": ("style.css", "text/css"),
    "/script.js": ("script.js", "text/javascript"),
    "/painting.js": ("painting.js", "text/javascript"),
}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class DrawingServer(ThreadingHTTPServer):
    """Serve the drawing page on 127.0.0.1. `recognizer` must be set before requests are served.

    Parameters
    ----------
    port : int
        0 is any free port.

    Raises
    ------
    OSError
        If the port cannot be used.
    """

    recognizer: Recognizer
    daemon_threads = True
    allow_reuse_address = os.name == "posix"  # on Windows, two servers would share a port

    def __init__(self, port: int) -> None:
        self.pages = {path: _read_page(name) for path, (name, _) in _FILES.items()}
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print an error, but not that of a browser that has closed the connection."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def address(self) -> str:
        """The URL of the page."""
        return f"http://127.0.0.1:{self.server_port}/"


class _RequestError(Exception):
    """A request that cannot be answered."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    server: DrawingServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "sk_mnist_cnn", ""
    timeout = 60  # seconds without data after which a connection is closed
    wbufsize = -1  # headers and body are sent together, without waiting for the browser in between

    def do_GET(self) -> None:
        """Send a file of the page."""
        try:
            self._check_request()
            if self.headers.get("Content-Length", "0") != "0":  # a body would be read as the next request
                raise _RequestError(HTTPStatus.BAD_REQUEST, "GET takes no body.")
            if self.path not in _FILES:
                raise _RequestError(HTTPStatus.NOT_FOUND, "There is no such page.")
            self._send(HTTPStatus.OK, _FILES[self.path][1], self.server.pages[self.path])
        except _RequestError as error:
            self._send_error(error)

    def do_POST(self) -> None:
        """Call the recognizer, and send its result with the state that the page shows."""
        try:
            self._check_request()
            result = self._call_recognizer()
            result["corrections"] = self.server.recognizer.n_corrections
            result["can_train"] = "tensorflow" in sys.modules  # else the next correction imports it
            self._send(HTTPStatus.OK, "application/json", json.dumps(result).encode())
        except _RequestError as error:
            self._send_error(error)

    def _check_request(self):
        names = ("Host", "Origin", "Content-Length", "Content-Type")
        if self.headers.defects or any(len(self.headers.get_all(name, [])) > 1 for name in names):
            raise _RequestError(HTTPStatus.BAD_REQUEST, "A header is malformed or repeated.")
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        if not re.fullmatch(_LOCAL_HOST, host):
            raise _RequestError(HTTPStatus.FORBIDDEN, "The page must be opened as 127.0.0.1 or localhost.")
        if origin not in (None, f"http://{host}"):
            raise _RequestError(HTTPStatus.FORBIDDEN, "Other sites get no answer.")
        if "Transfer-Encoding" in self.headers:
            raise _RequestError(HTTPStatus.BAD_REQUEST, "The body must have the header Content-Length.")

    def _read_body(self, content_type):
        if self.headers.get_content_type() != content_type:
            raise _RequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"The body must be {content_type}.")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise _RequestError(HTTPStatus.LENGTH_REQUIRED, "The header Content-Length must be a number.")
        if len(length) > 9 or int(length) > MAX_BODY:
            raise _RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The drawing is too large. Clear it.")
        return self.rfile.read(int(length))

    def _read_json(self):
        """Return the body of the request, a JSON object."""
        try:
            body = json.loads(self._read_body("application/json"))
        except (ValueError, RecursionError) as error:
            raise _RequestError(HTTPStatus.BAD_REQUEST, "The body must be JSON.") from error
        if not isinstance(body, dict):
            raise _RequestError(HTTPStatus.BAD_REQUEST, "The body must be a JSON object.")
        return body

    def _call_recognizer(self):
        recognizer = self.server.recognizer
        try:
            if self.path == "/answer":
                return recognizer.answer(self._read_body("image/png"))
            body = self._read_json()
            match self.path:
                case "/evidence":
                    return recognizer.evidence(body.get("image"))
                case "/correct":
                    recognizer.correct(body.get("image"), body.get("digit"))
                case "/undo":
                    recognizer.undo()
                case "/reset":
                    recognizer.reset()
                case "/corrections":
                    pass
                case _:
                    raise _RequestError(HTTPStatus.NOT_FOUND, "There is no such action.")
        except ValueError as error:
            raise _RequestError(HTTPStatus.BAD_REQUEST, str(error)) from error
        except ImportError as error:  # corrections need TensorFlow
            raise _RequestError(HTTPStatus.NOT_IMPLEMENTED, str(error)) from error
        return {}

    def _send(self, status, content_type, body):
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", f"{content_type}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def _send_error(self, error):
        self.close_connection = True  # the body may not have been read
        self._send(error.status, "application/json", json.dumps({"error": str(error)}).encode())

    def log_message(self, *args: object) -> None:
        """Print nothing."""


def _read_page(name):
    return resources.files(__package__).joinpath("page", name).read_bytes()
