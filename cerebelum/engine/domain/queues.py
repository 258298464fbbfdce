"""Queues: named lanes, each with a number of steps that may run at once on a node."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from cerebelum.engine.domain.errors import DefinitionError

DEFAULT_QUEUE = "default"  # what names no queue; limited only where it is configured
UNCONFIGURED_CONCURRENCY = 10  # of a queue that is named in code and nowhere else
BUILT_IN: Mapping[str, int] = MappingProxyType({"high_priority": 20, "background": 5})
_MOST_NAME_CHARS = 100


class QueueStats(Struct, frozen=True):
    """What one queue does on one node."""

    queue: str
    running: int  # attempts of steps under way
    pending: int  # steps that are due and wait for a place
    concurrency: int | None  # None: not limited


def checked_queue(name: object, *, what: str) -> str:
    """Return a queue's name.

    Raises:
        DefinitionError: it is not a text of 1 to 100 printable characters without spaces around it.
    """
    if isinstance(name, str) and 0 < len(name) <= _MOST_NAME_CHARS and name.isprintable() and name == name.strip():
        return name
    raise DefinitionError(f"{what}: {name!r} cannot be a queue's name: 1 to {_MOST_NAME_CHARS} printable characters")


def checked_queues(queues: Mapping[str, int]) -> dict[str, int]:
    """Return the configuration of queues, name to concurrency.

    Raises:
        DefinitionError: a name or a number cannot be used.
    """
    for name, concurrency in queues.items():
        checked_queue(name, what="queues")
        if type(concurrency) is not int or concurrency < 1:
            raise DefinitionError(
                f"queues: {name} = {concurrency!r} cannot be a queue's concurrency: a whole number, 1 or more"
            )
    return dict(queues)
