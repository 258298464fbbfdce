"""`asyncio.as_completed` puts what it is given into a set, and coroutines hash by address: the tasks it makes would be
created in another order on every replay. Inside an activation they are made before, in the order given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from cerebelum.engine.authoring.activation import slot
from cerebelum.engine.runtime.interception.replacement import Replacements

concurrency = Replacements(__name__, "concurrency")
_as_completed = asyncio.as_completed


@concurrency.replaces(asyncio, "as_completed")
def as_completed(self: object, fs: Iterable[Any], **options: Any) -> Any:
    if slot.activation is not None:
        fs = [asyncio.ensure_future(awaitable) for awaitable in fs]
    return _as_completed(fs, **options)


def apply() -> None:
    """Put the replacement in place."""
    concurrency.apply()
    asyncio.tasks.as_completed = asyncio.as_completed
