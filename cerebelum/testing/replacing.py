"""Other functions in place of steps, in one engine only: nothing is left behind, and tests beside it see the real ones."""

from __future__ import annotations

import copy
import inspect
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, Self

from cerebelum.engine.authoring.step import StepDefinition

AnyStep = StepDefinition[..., Any]


class Call(NamedTuple):
    """One call of a replaced step or function."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Replacement:
    """A function that stands in; undone at the end of the test, of a `with` block, or by `undo()`.

    Attributes:
        calls: the calls so far, oldest first; every attempt of a step is one.
    """

    def __init__(
        self, stands_in: Callable[[Callable[..., Any]], Callable[..., Any]], undo: Callable[[Replacement], None]
    ) -> None:
        self._stands_in, self._undo = stands_in, undo
        self._lock = threading.Lock()  # plain functions run in threads
        self.calls: list[Call] = []

    @property
    def count(self) -> int:
        """How often it was called."""
        return len(self.calls)

    def undo(self) -> None:
        """Put the real function back; harmless when it is there already."""
        self._undo(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.undo()

    def over(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """Return what is called instead of `real`; of the same kind, async or plain."""
        stand_in = self._stands_in(real)
        if inspect.iscoroutinefunction(real) or inspect.iscoroutinefunction(stand_in):

            async def called(*args: Any, **kwargs: Any) -> Any:
                self._note(args, kwargs)
                result = stand_in(*args, **kwargs)
                return await result if inspect.isawaitable(result) else result

            return called

        def called_plainly(*args: Any, **kwargs: Any) -> Any:
            self._note(args, kwargs)
            return stand_in(*args, **kwargs)

        return called_plainly

    def _note(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        with self._lock:
            self.calls.append(Call(args, kwargs))


class Replacements:
    """What stands in for which step of one engine, and which attributes of other objects were replaced meanwhile."""

    def __init__(self) -> None:
        self._steps: list[tuple[object, Replacement]] = []
        self._undone_by: dict[Replacement, Callable[[], None]] = {}

    def replace(self, step: object, function: Callable[..., Any]) -> Replacement:
        """Have `function` run in place of `step`: a step, its function, or its name."""
        if not callable(function):
            raise TypeError(f"a step is replaced by a function, not by {function!r}")
        return self._add(step, Replacement(lambda _: function, self._forget))

    def fail(self, step: object, *, times: int | None, error: BaseException | type[BaseException]) -> Replacement:
        """Have the next `times` attempts of `step` raise `error`, all of them if None; then it is itself again."""
        return self._add(step, Replacement(_failing(times, error), self._forget))

    def fail_attribute(
        self, owner: Any, name: str, *, times: int | None, error: BaseException | type[BaseException]
    ) -> Replacement:
        """As `fail`, for a method or function that steps call: the attribute `name` of an object, class or module."""
        real = getattr(owner, name)
        if isinstance(real, StepDefinition):
            return self.fail(real, times=times, error=error)
        replacement = Replacement(_failing(times, error), self._forget)
        own = vars(owner).get(name, _MISSING) if hasattr(owner, "__dict__") else real
        stand_in: Any = replacement.over(real)
        if inspect.isclass(owner):
            stand_in = _as_declared(own, real, replacement)
        setattr(owner, name, stand_in)

        def put_back() -> None:
            if own is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, own)

        self._undone_by[replacement] = put_back
        return replacement

    def stand_in(self, step: AnyStep) -> AnyStep:
        """Return what runs for `step`: itself, or a copy with another function."""
        for target, replacement in reversed(self._steps):
            if target is step or target is step.function or target == step.name:
                other = copy.copy(step)
                other.function = replacement.over(step.function)
                other.is_async = inspect.iscoroutinefunction(other.function)
                return other
        return step

    def undo_all(self) -> None:
        """Put everything back, the newest first."""
        self._steps.clear()
        for replacement in reversed(list(self._undone_by)):
            self._forget(replacement)

    def _add(self, step: object, replacement: Replacement) -> Replacement:
        if not isinstance(step, str) and not callable(step):
            raise TypeError(f"which step? a step, its function or its name, not {step!r}")
        self._steps.append((step, replacement))
        return replacement

    def _forget(self, replacement: Replacement) -> None:
        self._steps = [(step, known) for step, known in self._steps if known is not replacement]
        put_back = self._undone_by.pop(replacement, None)
        if put_back is not None:
            put_back()


_MISSING = object()


def _as_declared(own: Any, real: Callable[..., Any], replacement: Replacement) -> Any:
    """Return a stand-in for a class's attribute, bound to instances or not as the real one is."""
    if isinstance(own, staticmethod) or not inspect.isfunction(real):
        return staticmethod(replacement.over(real))  # a class method's `real` is bound already
    return replacement.over(real)


def _failing(
    times: int | None, error: BaseException | type[BaseException]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    if times is not None and (type(times) is not int or times < 0):
        raise ValueError(f"times={times!r} must be a whole number, 0 or more; None: for ever")
    left = [times]
    lock = threading.Lock()

    def fails_now() -> bool:
        with lock:
            if left[0] is None:
                return True
            left[0] -= 1
            return left[0] >= 0

    def instead_of(real: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            if fails_now():
                raise error if isinstance(error, type) else copy.copy(error)
            return real(*args, **kwargs)

        return called

    return instead_of
