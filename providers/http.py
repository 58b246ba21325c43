"""The one HTTP client: sends what adapters build, bounds time and size, and turns transport failures into the error tree.

Status codes are the adapters' business; here an answer is an answer. Redirects are never followed: they would carry the key
to wherever the vendor (or whoever answers in its place) points, so a 3xx is handed back like any other answer. Nothing is
logged here, and no error of the HTTP library leaves this module: those hold the request with its headers.
"""

import asyncio
import ssl
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from marketdata_site.observability.redaction import redact
from providers.adapter import HttpRequest, HttpResponse
from providers.clients import ClientPool
from providers.errors import LocalFault, MalformedAnswer, ProviderError, UnsupportedRequest, VendorFault, VendorTimeout

MAX_BODY_BYTES = 64 * 1024 * 1024
CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 20.0
"""Longest silence within an answer; the total is the caller's."""
CONNECTIONS = 64
_KEEPALIVE_S = 30.0
_DNS_CACHE_S = 60
_USER_AGENT = "marketdata-collector"


class VendorHttp:
    """A pool of connections in one event loop; make one per process, close it in its loop.

    Gzip and deflate are undone; `max_body_bytes` counts the bytes after that, so a small answer cannot unpack into a large one.
    """

    def __init__(
        self,
        *,
        max_body_bytes: int = MAX_BODY_BYTES,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self._max_body_bytes = max_body_bytes
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._session: aiohttp.ClientSession | None = None
        self.clients = ClientPool()
        """Clients of vendors' libraries: they live as long as the connections."""

    async def get(self, request: HttpRequest, *, timeout_s: float) -> HttpResponse:
        """The complete answer, whatever its status.

        Raises: VendorTimeout, LocalFault (DNS, refused, TLS), VendorFault (broke off), MalformedAnswer (too large),
        UnsupportedRequest (the base URL is none). Their messages name the host only.
        """
        where = _host(request)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._fetch(request, where)
        except TimeoutError as error:
            fault: ProviderError = VendorTimeout(f"{where}: {_timeout_text(error, timeout_s)}")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            fault = _fault_of(error, where)
        raise fault  # outside the handler, so that no library error hangs on it as context

    async def close(self) -> None:
        """Close all clients and connections; harmless when nothing was opened."""
        await self.clients.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _fetch(self, request: HttpRequest, where: str) -> HttpResponse:
        async with self._opened().get(_url(request), headers=request.headers, allow_redirects=False) as response:
            body = await self._read(response, where)
            headers = {name.lower(): ", ".join(response.headers.getall(name)) for name in response.headers}
            return HttpResponse(status=response.status, headers=headers, body=body)

    async def _read(self, response: aiohttp.ClientResponse, where: str) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > self._max_body_bytes:
                response.close()
                raise MalformedAnswer(
                    f"{where}: the answer is larger than {self._max_body_bytes} bytes", status=response.status
                )
            chunks.append(chunk)
        return b"".join(chunks)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, ttl_dns_cache=_DNS_CACHE_S, keepalive_timeout=_KEEPALIVE_S),
                timeout=aiohttp.ClientTimeout(sock_connect=self._connect_timeout_s, sock_read=self._read_timeout_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": _USER_AGENT},
            )
        return self._session


def _url(request: HttpRequest) -> URL:
    """The URL byte for byte as the adapter encoded it: cursors of next pages must come back unchanged."""
    joint = "&" if "?" in request.url else "?"
    params = request.params | request.secret_params
    query = joint + urlencode(params, quote_via=quote) if params else ""
    return URL(request.url + query, encoded=True)


def _host(request: HttpRequest) -> str:
    try:
        url = URL(request.url, encoded=True)
        port = "" if url.is_default_port() or url.explicit_port is None else f":{url.explicit_port}"
        return redact(f"{url.host or 'no host'}{port}")
    except ValueError:
        return "no URL"


def _timeout_text(error: TimeoutError, timeout_s: float) -> str:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "no connection in time"
    if isinstance(error, aiohttp.SocketTimeoutError):
        return "silent for too long within an answer"
    return f"no complete answer within {timeout_s:g} s"


def _fault_of(error: Exception, where: str) -> ProviderError:
    """Transport failures by whose side they are on; messages name the kind of failure, never the request."""
    kind = type(error).__name__
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError) or (
        isinstance(error, ValueError) and not isinstance(error, aiohttp.ClientError)
    ):
        return UnsupportedRequest(f"{where}: the request cannot be sent, check base URL and credentials ({kind})")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return LocalFault(f"{where}: the name does not resolve")
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError | aiohttp.ServerFingerprintMismatch):
        return LocalFault(f"{where}: TLS failed ({kind})")
    if isinstance(error, aiohttp.ClientConnectorError):
        return LocalFault(f"{where}: no connection ({error.os_error.strerror or kind})")
    if isinstance(error, aiohttp.ClientError | ConnectionError):
        return VendorFault(f"{where}: the connection broke off ({kind})")
    return LocalFault(f"{where}: {error.strerror if isinstance(error, OSError) else kind}")
