"""`saga()`: undo what was done, newest first, when the block fails or is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Self, TypeGuard

from cerebelum.engine.authoring.activation import current, slot
from cerebelum.engine.authoring.alone import ALONE
from cerebelum.engine.authoring.plain import call_plain
from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.domain.errors_runtime import ContinueAsNew


class Saga:
    """A stack of compensations. `async with saga() as undo: …; undo.add(release, reservation)`.

    In a plain `def` workflow it is `with saga() as undo:`.

    The block's own error stays the error: a compensation that fails is recorded, noted on it, and the others still run.
    """

    def __init__(self) -> None:
        self._compensations: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = []
        self._since = 1
        self._token: Token[Saga | None] | None = None

    def add(self, compensation: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """On failure call `compensation(*args, **kwargs)`; its effects belong in steps, so it should be one."""
        if not callable(compensation):
            raise DefinitionError(f"undo.add({compensation!r}): not a function or step")
        self._compensations.append((compensation, args, kwargs))

    @property
    def is_filled(self) -> bool:
        """Whether there is something to undo."""
        return bool(self._compensations)

    @property
    def names(self) -> list[str]:
        """The names of the compensations, oldest first."""
        return [str(getattr(function, "__name__", function)) for function, _, _ in self._compensations]

    @property
    def since(self) -> int:
        """Number of the first command inside the block."""
        return self._since

    def begin_at(self, since: int) -> None:
        """Be the block that began with command `since`: its execution goes on from a checkpoint."""
        self._since = since

    def __enter__(self) -> Self:
        if slot.plain is None and current() is not None:
            raise DefinitionError(
                "in an `async def` workflow write `async with saga()`, so that undoing can be awaited"
            )
        return self._enter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._leave(error):
            (slot.plain or ALONE).wait(self.compensate(error))

    async def __aenter__(self) -> Self:
        return self._enter()

    def _enter(self) -> Self:
        activation = current()
        self._since = activation.next_number() if activation else 1
        self._token = innermost_saga.set(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._leave(error):
            await self.compensate(error)

    def _leave(self, error: BaseException | None) -> TypeGuard[BaseException]:
        """End the block; return whether it is to be undone."""
        if self._token is not None:
            innermost_saga.reset(self._token)
        return error is not None and not isinstance(error, ContinueAsNew | GeneratorExit)

    def __repr__(self) -> str:
        """What frames of a replay show: the compensations, oldest first."""
        return f"<saga: {', '.join(self.names) or 'nothing to undo'}>"

    async def compensate(self, error: BaseException) -> None:
        """Run all compensations, newest first. A failure of one is noted on `error` and does not stop the rest."""
        while self._compensations:
            function, args, kwargs = self._compensations.pop()
            name = str(getattr(function, "name", None) or getattr(function, "__name__", repr(function)))
            activation = current()
            record = activation.compensation(name, self._since) if activation else None
            try:
                await call_plain(function, *args, **kwargs)
            except (Exception, asyncio.CancelledError) as failure:
                error.add_note(f"compensation {name} failed: {failure!r}")
                if record:
                    record.failed(failure)
            else:
                if record:
                    record.completed()


def saga() -> Saga:
    """Return a new saga, to be used with `async with`, in plain `def` code with `with`."""
    return Saga()


# Which saga a step's own `compensate=` joins: the innermost around the call, also in tasks that the block starts.
innermost_saga: ContextVar[Saga | None] = ContextVar("cerebelum_innermost_saga", default=None)
