"""Who is let in: requests that hold the token, from pages of this server, under a name that is this server's.

The token stops other people of this machine and of the network. The names stop a page of the web that has its own name
lead here (DNS rebinding), the origin stops one that opens a websocket with the cookie that the browser adds.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

_HOST = re.compile(r"[A-Za-z0-9_.\-:\[\]]+", re.ASCII)  # it goes into a header of the answer


@dataclass(frozen=True)
class Guard:
    """Judges each request.

    Attributes:
        token: what a request must hold.
        host: the address or name that the server listens on.
        port: its own; cookies do not tell ports apart, so their name has it.
    """

    token: str
    host: str
    port: int

    @property
    def cookie(self) -> str:
        """The name of the cookie that holds the token."""
        return f"cerebelum-tui-{self.port}"

    def has_token(self, given: str | None) -> bool:
        """Return whether `given` is the token; takes the same time wherever they differ."""
        return given is not None and hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self.token.encode())

    def refusal(self, headers: Mapping[str, str], tokens: tuple[str | None, ...], *, is_socket: bool = False) -> str:
        """Return why a request is refused, "" where it is not.

        Args:
            tokens: those of its query and its cookie.
            is_socket: it opens a websocket, which only a page of this server may.
        """
        host, origin = headers.get("Host", ""), headers.get("Origin")
        if not self._is_own(host):
            return "this server is not called that: open the address that `cerebelum tui --serve` printed"
        if (origin is None and is_socket) or (origin is not None and _host_of(origin) != host.lower()):
            return "a page of another site may not ask this server"
        if not any(self.has_token(token) for token in tokens):
            return "the token is missing or wrong: open the whole address that `cerebelum tui --serve` printed"
        return ""

    def _is_own(self, host: str) -> bool:
        """A name of the web's can be made to lead to any address; an address cannot. So addresses, and our own names."""
        if not _HOST.fullmatch(host):
            return False
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        if name in ("localhost", self.host.lower()):
            return True
        is_local = is_loopback(self.host)
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return not is_local and name == socket.gethostname().lower()
        return address.is_loopback or not is_local


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches what listens on `host`."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host_of(origin: str) -> str:
    scheme, separator, host = origin.partition("://")
    return host.lower() if separator and scheme in ("http", "https") else ""
