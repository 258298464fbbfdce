"""A flow's context on its way into a history and out of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Raw

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.context import Context, Exact, Op, apply
from cerebelum.engine.domain.context_merging import compacted, same_value
from cerebelum.engine.ports.codec import PayloadCodec


def exactly(codec: PayloadCodec) -> Exact:
    """Return the proof that what is put into a context can be recorded."""

    def copy(key: str, value: Any) -> Any:
        return codec.encode(value, what=f"context value {key!r}", sealed=False)[1]

    return copy


def attempt_view(scheduled: Context, codec: PayloadCodec) -> Context:
    """Return what one attempt reads and writes: the context as it was when the step was scheduled."""
    return scheduled.fork(exact=exactly(codec))


def patch_of(view: Context, codec: PayloadCodec, *, step: str) -> Raw:
    """Return what an attempt wrote, as `step_completed` holds it.

    Raises:
        PayloadTooLarge: it is over the limit of payloads.
        PayloadTransformFailed: an encryption or compression hook failed.
    """
    if not view.ops:
        return ev.ABSENT
    data, _ = codec.encode(compacted(view.ops), list[Op], what=f"context writes of step {step!r}")
    return Raw(data)


def ops_of(patch: Raw, codec: PayloadCodec) -> tuple[Op, ...]:
    """Return the operations of a recorded patch; none where nothing was written."""
    return tuple(codec.decode(bytes(patch), list[Op], what="context writes")) if patch else ()


class RecordedContext:
    """The context as the events tell it, so that what they do not tell can be recorded. It begins with the input's keys."""

    def __init__(self, base: Mapping[str, Any]) -> None:
        self._state: dict[str, Any] = dict(base)

    def held(self) -> dict[str, Any]:
        """Return what is recorded, to look at."""
        return self._state

    def take(self, ops: Iterable[Op]) -> None:
        """Apply what an event holds."""
        apply(self._state, ops)

    def missing_from(self, context: Context) -> list[Op]:
        """Return, and take as recorded, the operations that lead from what is recorded to `context`."""
        now = context.as_dict()
        ops = [Op("delete", key) for key in self._state if key not in now]
        ops += [
            Op("put", key, value)
            for key, value in now.items()
            if key not in self._state or not same_value(self._state[key], value)
        ]
        self.take(ops)
        return ops
