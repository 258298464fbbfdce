"""The workflow loop: an asyncio event loop with a FIFO of ready callbacks, a virtual clock, and nothing else.

Rules:
- One activation = apply one trigger, then `run_until_idle`. No threads, no sockets, no signals: what asyncio would do
  with them is refused as `NotDeterministic`.
- A timer is a command of the execution (`TimerKeeper`), so `sleep`, `timeout` and `wait_for` are durable as they are.
- Tasks and futures hash by their creation number mixed with the execution's seed: iterating the sets that
  `asyncio.wait` returns has one order in every process, and equal numbers of other executions do not collide in
  asyncio's global set of tasks.
- It runs from a plain callback of the node's loop, never inside a Task (CPython 3.14 forbids nesting).
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import Any, NoReturn, Protocol

from cerebelum.engine.runtime.interception.forbidden import not_deterministic

_TURN_LIMIT = 200_000  # callbacks in one activation: `while True: await asyncio.sleep(0)` must not hang the node
_MIX = 0x9E3779B97F4A7C15
_MASK = (1 << 61) - 2


class TurnLimit(Exception):
    """One activation made more turns than any sane workflow: it spins without waiting for anything."""


class TimerKeeper(Protocol):
    """Whoever makes `call_at` durable."""

    def start_timer(self, handle: LoopTimer) -> None: ...

    def cancel_timer(self, handle: LoopTimer) -> None: ...


class _NoKeeper:
    """Timers of code that was thrown away lead nowhere."""

    def start_timer(self, handle: LoopTimer) -> None:
        """Forget it."""

    def cancel_timer(self, handle: LoopTimer) -> None:
        """Forget it."""


_NO_KEEPER = _NoKeeper()


class _Handle:
    """A ready callback. Tasks ignore it; `loop.call_soon(...).cancel()` of user code uses it."""

    __slots__ = ("args", "callback", "cancelled_", "context")

    def __init__(self, callback: Callable[..., Any], args: tuple[Any, ...], context: contextvars.Context) -> None:
        self.callback, self.args, self.context = callback, args, context
        self.cancelled_ = False

    def cancel(self) -> None:
        self.cancelled_ = True

    def cancelled(self) -> bool:
        return self.cancelled_


class LoopTimer(_Handle):
    """A callback for later: the durable timer `number`, due at `due_us`."""

    __slots__ = ("_keeper", "_when", "due_us", "number")

    def __init__(
        self, keeper: TimerKeeper, when: float, due_us: int, callback: Callable[..., Any], args: Any, context: Any
    ) -> None:
        super().__init__(callback, args, context)
        self._keeper, self._when, self.due_us, self.number = keeper, when, due_us, 0

    def when(self) -> float:
        return self._when

    def cancel(self) -> None:
        if not self.cancelled_:
            self.cancelled_ = True
            self._keeper.cancel_timer(self)

    @property
    def is_sleep(self) -> bool:
        """Whether `asyncio.sleep` made it, rather than a timeout."""
        return getattr(self.callback, "__name__", "") in ("_set_result_unless_cancelled", "_wake_sleeper")


class WorkflowFuture(asyncio.Future[Any]):
    """A future with a hash that is the same on every replay."""

    def __init__(self, *, loop: WorkflowLoop) -> None:
        self._hash = loop.next_hash()
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self._hash


class WorkflowTask(asyncio.Task[Any]):
    """A task with a hash that is the same on every replay."""

    def __init__(self, coroutine: Any, *, loop: WorkflowLoop, **options: Any) -> None:
        self._hash = loop.next_hash()
        self.number = loop.created
        super().__init__(coroutine, loop=loop, **options)

    def __hash__(self) -> int:
        return self._hash


class WorkflowLoop(asyncio.AbstractEventLoop):
    """See the module's rules. Made anew for each run of a workflow."""

    def __init__(self, keeper: TimerKeeper, *, seed: int) -> None:
        self._keeper = keeper
        self._seed = seed
        self._ready: deque[_Handle] = deque()
        self._origin_us = 0
        self._now_us = 0
        self._running = False
        self.created = 0
        self.tasks: dict[int, WorkflowTask] = {}  # live ones by creation number

    # -- the virtual clock ----------------------------------------------------------------------------------------
    def set_now_us(self, now_us: int) -> None:
        """Move the clock; the first call sets its origin, so that `time()` keeps microseconds for centuries."""
        if not self._origin_us:
            self._origin_us = now_us
        self._now_us = now_us

    @property
    def origin_us(self) -> int:
        """Where `time()` begins, in microseconds since the Unix epoch."""
        return self._origin_us

    def begin_at(self, origin_us: int) -> None:
        """Have `time()` begin there: the loop goes on for one whose execution is recovered from a checkpoint."""
        self._origin_us = origin_us

    def time(self) -> float:
        return (self._now_us - self._origin_us) / 1e6

    # -- running --------------------------------------------------------------------------------------------------
    def run_until_idle(self) -> None:
        """Run ready callbacks until none is left.

        Raises:
            TurnLimit: the code spins.
        """
        ready, turns = self._ready, 0
        self._running, outer_hooks = True, sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=None, finalizer=self.close_generator)
        try:
            while ready:
                handle = ready.popleft()
                if not handle.cancelled_:
                    handle.context.run(handle.callback, *handle.args)
                turns += 1
                if turns > _TURN_LIMIT:
                    raise TurnLimit(f"{_TURN_LIMIT:,} turns without waiting for anything")
        finally:
            self._running = False
            sys.set_asyncgen_hooks(*outer_hooks)

    @property
    def ready_count(self) -> int:
        """How many callbacks are ready."""
        return len(self._ready)

    def forget_newest(self, count: int) -> None:
        """Take the newest ready callbacks back."""
        for _ in range(count):
            self._ready.pop()

    def close_generator(self, generator: AsyncGenerator[Any, Any]) -> None:
        """Have an async generator that the code left clean up, as a task; code that was thrown away cleans up nothing.

        Without this hook the node's loop would do it, outside the workflow, where calling a step runs it.
        """
        if self._running and asyncio._get_running_loop() is self:
            self.create_task(generator.aclose())

    def next_hash(self) -> int:
        self.created += 1
        return ((self._seed ^ (self.created * _MIX)) & _MASK) or 1

    def call_soon(self, callback: Any, *args: Any, context: contextvars.Context | None = None) -> Any:  # type: ignore[override]
        handle = _Handle(callback, args, contextvars.copy_context() if context is None else context)
        self._ready.append(handle)
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        return self._timer(when, self._origin_us + round(when * 1e6), callback, args, context)

    def timer_at_us(self, due_us: int, callback: Any, *args: Any) -> LoopTimer:
        """Call back at an instant given in microseconds since the Unix epoch."""
        return self._timer((due_us - self._origin_us) / 1e6, due_us, callback, args, None)

    def _timer(self, when: float, due_us: int, callback: Any, args: Any, context: Any) -> LoopTimer:
        context = contextvars.copy_context() if context is None else context
        handle = LoopTimer(self._keeper, when, due_us, callback, args, context)
        if due_us <= self._now_us:
            self._ready.append(handle)
        else:
            self._keeper.start_timer(handle)
        return handle

    def fire(self, handle: LoopTimer) -> None:
        """Make a timer's callback ready: its event is in the history."""
        if not handle.cancelled_:
            handle.cancelled_ = False
            self._ready.append(_Handle(handle.callback, handle.args, handle.context))

    def dismantle(self) -> None:
        """Let go of everything; the loop is of no use after it."""
        self._ready.clear()
        self.tasks.clear()
        self._keeper = _NO_KEEPER

    # -- tasks and futures ----------------------------------------------------------------------------------------
    def create_future(self) -> WorkflowFuture:
        return WorkflowFuture(loop=self)

    def create_task(
        self,
        coro: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
        **options: Any,
    ) -> Any:
        number = self.created + 1
        # asyncio's own default name counts all tasks of the process: it would differ on replay
        task = WorkflowTask(coro, loop=self, name=name or f"task-{number}", context=context, **options)
        self.tasks[number] = task
        task.add_done_callback(self._forget, context=contextvars.Context())
        return task

    def _forget(self, task: asyncio.Future[Any]) -> None:
        self.tasks.pop(task.number, None)  # type: ignore[attr-defined]

    # -- what asyncio asks of any loop ----------------------------------------------------------------------------
    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        """Debug mode would measure real time; it stays off."""

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Forget errors of tasks and futures that nobody awaited: the workflow's outcome is its main task's."""

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """As `call_exception_handler`."""

    def get_exception_handler(self) -> None:
        return None

    def get_task_factory(self) -> None:
        return None

    async def shutdown_asyncgens(self) -> None:
        """Nothing is open."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncio's name
        """There is none."""

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        name = getattr(func, "__name__", None) or repr(func)
        _refuse(f"a thread for {name}", f"declare {name} as a plain `def` step: it runs in a thread")

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        _refuse("call_soon_threadsafe", "let a step do it and await the step")


def _refuse(call: str, remedy: str) -> NoReturn:
    raise not_deterministic(call, remedy)


_REFUSED = frozenset(
    name
    for name in dir(asyncio.AbstractEventLoop)
    if name.startswith(("sock_", "subprocess_", "connect_", "create_", "add_", "remove_", "start_", "get", "sendfile"))
    and name not in {"create_task", "create_future", "get_debug", "get_exception_handler", "get_task_factory"}
)


def _refusing(name: str) -> Callable[..., NoReturn]:
    def refused(self: WorkflowLoop, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse(f"loop.{name}(…)", "sockets, subprocesses and signals belong in a step")

    return refused


for _name in sorted(_REFUSED):
    setattr(WorkflowLoop, _name, _refusing(_name))
