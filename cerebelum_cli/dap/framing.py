"""Messages on a stream of bytes: `Content-Length: N`, an empty line, N bytes of JSON. What comes in is not believed.

Nothing but the protocol's own header fields is taken, so a web page that posts to the port gets no message through.
"""

from __future__ import annotations

from collections.abc import Iterator

HEADER_BYTES = 1_024
BODY_BYTES = 4 << 20  # the largest that editors send is a list of breakpoints
_BEGIN = b"content-"
_FIELDS = (b"content-length", b"content-type")
_BETWEEN = b"\r\n\r\n"


class NotTheProtocol(Exception):
    """What came in is no message, and where the next one begins cannot be known."""


def framed(body: bytes) -> bytes:
    """Return a message as it is sent."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class FrameReader:
    """Puts messages together. Feed it what was read, in pieces of any size."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._length: int | None = None  # of the body that comes next; None: a header comes next

    @property
    def is_between(self) -> bool:
        """Whether nothing of a further message has come yet."""
        return not self._buffer and self._length is None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the bodies that are whole now.

        Raises:
            NotTheProtocol: there is no going on.
        """
        self._buffer += data
        while True:
            if self._length is None:
                self._length = self._header()
            if self._length is None or len(self._buffer) < self._length:
                return
            body = bytes(self._buffer[: self._length])
            del self._buffer[: self._length]
            self._length = None
            yield body

    def _header(self) -> int | None:
        buffer = self._buffer
        if not _BEGIN.startswith(bytes(buffer[: len(_BEGIN)]).lower()):
            raise NotTheProtocol(f"a message begins with 'Content-Length: ', and this with {_shown(bytes(buffer))}")
        end = buffer.find(_BETWEEN, 0, HEADER_BYTES)
        if end < 0:
            if len(buffer) >= HEADER_BYTES:
                raise NotTheProtocol(f"a header of more than {HEADER_BYTES:,} bytes")
            return None
        length = _length_in(bytes(buffer[:end]))
        del buffer[: end + len(_BETWEEN)]
        return length


def _length_in(header: bytes) -> int:
    found: int | None = None
    for line in header.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() not in _FIELDS:
            raise NotTheProtocol(f"a header field that is none: {_shown(line)}")
        if name.strip().lower() == _FIELDS[0]:
            digits = value.strip()
            if not digits.isdigit() or len(digits) > 12:
                raise NotTheProtocol(f"a length that is none: {_shown(line)}")
            found = int(digits)
    if found is None:
        raise NotTheProtocol("a header without Content-Length")
    if found > BODY_BYTES:
        raise NotTheProtocol(f"a message of {found:,} bytes; {BODY_BYTES:,} are allowed")
    return found


def _shown(data: bytes) -> str:
    return ascii(data[:40].decode("latin-1")) + ("…" if len(data) > 40 else "")
