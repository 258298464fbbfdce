"""The context that recorded patches come to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import Raw

from cerebelum.engine.domain.context import Context, Op, apply

_MARK = b'{"$enc":'  # an envelope begins so
_decode = msgspec.json.Decoder(list[Op]).decode


def context_of(given: Raw, patches: Iterable[Raw], *, unseal: Callable[[bytes], bytes] | None = None) -> Context:
    """Return the context that begins with the keys of the input `given`, after `patches`, in their order.

    Args:
        unseal: undoes payload transforms; without it, what is stored sealed is left out.
    """
    text = bytes(given) if unseal is None else unseal(bytes(given))
    first = {} if text.startswith(_MARK) and unseal is None else msgspec.json.decode(text)
    state: dict[str, Any] = first if isinstance(first, dict) else {}
    for patch in patches:
        text = bytes(patch)
        if unseal is not None:
            text = unseal(text)
        elif not text.startswith(b"["):  # an envelope: opaque without its key
            continue
        apply(state, _decode(text))
    return Context(state, input=first)
