"""Events over 128 KiB: the row holds a reference, the content lies in the blob table under its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from cerebelum.engine.domain.errors_store import StoreCorrupt
from cerebelum.engine.domain.events import Event, RecordedEvent, encode_event
from cerebelum.engine.ports.store import Store

BLOB_THRESHOLD_BYTES = 128 * 1024
_PREFIX = b'{"$blob":'  # no event has a field of this name


def stored_event(event: Event) -> tuple[bytes, tuple[str, bytes] | None]:
    """Return the bytes for the event's row, and (digest, content) where the content goes into a blob."""
    return stored_data(encode_event(event))


def stored_data(data: bytes) -> tuple[bytes, tuple[str, bytes] | None]:
    """As `stored_event`, of an event's JSON object."""
    if len(data) <= BLOB_THRESHOLD_BYTES:
        return data, None
    digest = hashlib.sha256(data).hexdigest()
    return _PREFIX + f'"{digest}"}}'.encode(), (digest, data)


def is_in_blob(recorded: RecordedEvent) -> bool:
    """Whether the event's content lies in a blob, and may not be in the store yet."""
    return recorded.data.startswith(_PREFIX)


async def with_blobs(store: Store, history: Sequence[RecordedEvent]) -> list[RecordedEvent]:
    """Return the history with the contents of blobs in place.

    Raises:
        StoreCorrupt: a blob is gone or is not what its digest says.
    """
    whole: list[RecordedEvent] = []
    for recorded in history:
        if not is_in_blob(recorded):
            whole.append(recorded)
            continue
        digest = msgspec.json.decode(recorded.data)["$blob"]
        content = await store.read_blob(digest)
        if content is None or hashlib.sha256(content).hexdigest() != digest:
            raise StoreCorrupt(
                f"the content of event {recorded.version} (blob {digest}) is missing or damaged in {store.name}"
            )
        whole.append(RecordedEvent(recorded.version, recorded.type, content, recorded.at_us))
    return whole
