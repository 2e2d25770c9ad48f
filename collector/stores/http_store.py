"""One store over HTTP: a request, and its answer or why there is none, before a deadline.

The connection, its TLS and its header with the token are `influxdb_client`'s; its own retries and batches are not used,
since only the sender knows what has to be sent again.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import traceback
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

from influxdb_client.client.influxdb_client import InfluxDBClient
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as SocketTimeout

from collector.stores.deadline import Deadline, TimeOver, pools
from collector.stores.ports import NeedsPerson, Unreachable

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

READ_MAX: Final = 1024 * 1024
"""Of an answer that is only words. [byte]"""

WORDS_MAX: Final = 500

_GZIP: Final = 31
"""The ``wbits`` that makes zlib write gzip."""


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """How a store is reached.

    Attributes:
        url: ``http://host:8086``, with a path where a proxy or a cluster wants one.
        authorization: Value of the header of that name; empty for none. It appears in no words.
        timeout_s: For a whole request, its connection and its answer. [s]
        gzip: Compress what is sent: for slow links, it costs more than it saves on fast ones.
        ca_file: Authority that signed the store's certificate; the system's when empty.

    Raises:
        ValueError: The address or the authorization cannot be used.
    """

    url: str
    authorization: str = ""
    timeout_s: float = 30.0
    gzip: bool = False
    ca_file: str = ""

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            port = parts.port
        except ValueError as exc:
            raise ValueError(f"no address: {exc}") from exc
        if parts.username is not None or parts.password is not None:
            raise ValueError("the address holds a user or a password, which would be shown; give them apart from it")
        if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
            raise ValueError(f"{self.url!r} is no address; it is like http://host:8086")
        if parts.query or parts.fragment:
            raise ValueError(f"{self.url!r} has a query; only a path can follow the host")
        if not (self.authorization.isascii() and self.authorization.isprintable()):
            raise ValueError("the token holds signs that no header can; is it the right file, without a line's end?")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What the other side answered.

    Attributes:
        status: HTTP status.
        headers: By name in lower case.
        body: Its beginning.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_page(self) -> bool:
        """Whether it is a web page, which no store answers."""
        return "html" in self.headers.get("content-type", "") or self.body.lstrip()[:1] == b"<"


class HttpStore:
    """Requests to one store, one at a time.

    Args:
        options: How it is reached.
    """

    def __init__(self, options: HttpOptions) -> None:
        self._options = options
        self._base = options.url.rstrip("/")
        parts = urlsplit(self._base)
        self.root = f"{parts.scheme}://{parts.netloc}"
        self.host = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
        self._deadline = Deadline()
        self._client = InfluxDBClient(
            url=self._base,
            timeout=round(options.timeout_s * 1000),
            retries=False,
            ssl_ca_cert=options.ca_file or None,
        )
        self._pools: PoolManager = self._client.api_client.rest_client.pool_manager
        self._pools.pool_classes_by_scheme = pools(self._deadline)
        self._headers: dict[str, str] = dict(self._client.api_client.default_headers)
        if options.authorization:
            self._headers["Authorization"] = options.authorization

    def post(self, path: str, query: Mapping[str, str], body: bytes) -> HttpAnswer | Unreachable | NeedsPerson:
        """Send lines."""
        headers = {"Content-Type": "text/plain; charset=utf-8", "Accept": "application/json"}
        if self._options.gzip:
            packer = zlib.compressobj(1, wbits=_GZIP)
            body = packer.compress(body) + packer.flush()
            headers["Content-Encoding"] = "gzip"
        asked = f"?{urlencode(query)}" if query else ""
        return self._call("POST", f"{self._base}{path}{asked}", headers, body)

    def get(self, path: str, *, read_max: int = READ_MAX) -> HttpAnswer | Unreachable | NeedsPerson:
        """Ask for something at the root of the host, below any path of the store's."""
        return self._call("GET", self.root + path, {}, None, read_max)

    def close(self) -> None:
        """Let its connections go; idempotent."""
        self._pools.clear()
        self._deadline.close()

    def words(self, text: str) -> str:
        """Words of the other side or of a library in one line, without the token, with the host before them."""
        return self.all_words(" ".join(text.split()))[:WORDS_MAX]

    def all_words(self, text: str) -> str:
        """The same in as many lines as they have."""
        secret = self._options.authorization.partition(" ")[2] or self._options.authorization
        text = text.encode("utf-8", "replace").decode()  # JSON can hold what no file or terminal takes.
        return f"{self.host}: {text.replace(secret, '***') if secret else text}"

    def _call(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, read_max: int = READ_MAX
    ) -> HttpAnswer | Unreachable | NeedsPerson:
        timeout_s = self._options.timeout_s
        answer: BaseHTTPResponse | None = None
        try:
            with self._deadline.within(timeout_s):
                answer = self._pools.request(
                    method,
                    url,
                    body=body,
                    headers={**self._headers, **headers},
                    timeout=timeout_s,
                    redirect=False,
                    preload_content=False,
                )
                data = answer.read(read_max + 1, decode_content=True)
                if self._deadline.over:
                    raise TimeOver
        except (HTTPError, OSError, http.client.HTTPException) as exc:
            if answer is not None:
                answer.close()
            self._deadline.close()
            told = self._no_answer(exc)
            _let_go(exc)
            return told
        found = {name.lower(): value for name, value in answer.headers.items()}
        if len(data) > read_max or found.get("connection", "").lower() == "close":
            answer.close()  # The rest is not worth reading.
            self._deadline.close()
        else:
            answer.release_conn()
        return HttpAnswer(answer.status, found, data[:read_max])

    def _no_answer(self, exc: Exception) -> Unreachable | NeedsPerson:
        cause = _root(exc)
        if self._deadline.over or isinstance(cause, (TimeoutError, SocketTimeout, TimeOver)):
            return Unreachable(self.words(f"no whole answer within {self._options.timeout_s:g} s"))
        if isinstance(cause, http.client.BadStatusLine) and _is_other_protocol(cause):
            return NeedsPerson(self.words("what answers there speaks no HTTP; is it the right port?"))
        return Unreachable(self.words(_cause_words(cause)))


def _root(exc: BaseException) -> BaseException:
    """The innermost exception that says why; libraries wrap it in arguments, causes and contexts."""
    for _ in range(10):
        inner = next((each for each in reversed(exc.args) if isinstance(each, BaseException)), None)
        inner = inner or exc.__cause__ or getattr(exc, "reason", None)
        if not isinstance(inner, BaseException):
            break
        exc = inner
    return exc


def _let_go(exc: BaseException) -> None:
    """Forget what the frames of an exception hold: it, among others, and so each other.

    A store may be dead for days and is asked every second; what holds itself would stay until garbage is looked for,
    which in a collector that does little else is hours later.
    """
    left: BaseException | None = exc
    while left is not None:
        traceback.clear_frames(left.__traceback__)
        left = left.__context__


def _is_other_protocol(cause: http.client.BadStatusLine) -> bool:
    line = str(cause).strip("'\" \r\n")
    return not isinstance(cause, http.client.RemoteDisconnected) and bool(line) and not line.startswith("HTTP/")


def _cause_words(cause: BaseException) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"TLS: its certificate is not trusted: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return f"TLS: {(cause.reason or str(cause)).replace('_', ' ').lower()}"
    if isinstance(cause, socket.gaierror):
        return f"its name is not known: {cause.strerror}"
    if isinstance(
        cause, (ConnectionResetError, BrokenPipeError, http.client.BadStatusLine, http.client.IncompleteRead)
    ):
        return "closed the connection before it had answered"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return re.sub(r"<[^>]*>", "", str(cause)) or type(cause).__name__
