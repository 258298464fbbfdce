"""Supervised components: one that fails is restarted alone, with backoff; one that keeps failing stops the node loudly.

One-for-one, as in Erlang/OTP: more than `most_restarts` within `period_s` is too many. They stop in reverse order.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.errors_store import StoreError
from cerebelum.engine.runtime.own_log import OwnLog

_STORE_AWAY_S = 0.2
_log = OwnLog("cerebelum.supervisor")


class ComponentFailed(CerebelumError):
    """A component of the node failed again and again; the node stops."""

    code = "CB003"
    exit_code = 70

    def __init__(self, component: str, error: BaseException) -> None:
        super().__init__(f"the node's {component} keeps failing: {type(error).__name__}: {error}; the node stops")
        self.component, self.error = component, error


class Supervisor:
    """Runs components, each an endless coroutine function.

    Args:
        most_restarts: of one component within `period_s`.
        period_s: seconds.
        first_backoff_s: before the first restart; doubles up to 5 s.
    """

    def __init__(self, *, most_restarts: int = 5, period_s: float = 30, first_backoff_s: float = 0.05) -> None:
        self._most_restarts, self._period_s, self._first_backoff_s = most_restarts, period_s, first_backoff_s
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.failed.add_done_callback(lambda future: future.cancelled() or future.exception())
        self.restarts: dict[str, int] = {}

    @property
    def components(self) -> tuple[str, ...]:
        """The names of the running components, in the order they were started."""
        return tuple(self._tasks)

    def add(self, name: str, component: Callable[[], Awaitable[None]]) -> None:
        """Start a component; `component` is called anew at each restart."""
        self._tasks[name] = asyncio.get_running_loop().create_task(
            self._keep(name, component), name=f"cerebelum {name}"
        )

    async def _keep(self, name: str, component: Callable[[], Awaitable[None]]) -> None:
        failures: deque[float] = deque()
        while True:
            try:
                await component()
            except StoreError as error:  # the store is away: no fault of the component, however long it takes
                _log.warning("component waits for the store", component=name, error=str(error))
                await asyncio.sleep(_STORE_AWAY_S)
            except Exception as error:
                now = time.monotonic()
                failures.append(now)
                while now - failures[0] > self._period_s:
                    failures.popleft()
                self.restarts[name] = self.restarts.get(name, 0) + 1
                if len(failures) > self._most_restarts:
                    _log.error("component keeps failing", component=name, error=repr(error))
                    if not self.failed.done():
                        self.failed.set_exception(ComponentFailed(name, error))
                    return
                backoff_s = min(5.0, self._first_backoff_s * 2 ** (len(failures) - 1))
                _log.warning("component restarts", component=name, error=repr(error), in_s=backoff_s, exc_info=error)
                await asyncio.sleep(backoff_s)
            else:
                return  # it has nothing more to do

    async def stop(self) -> None:
        """Stop all, newest first."""
        for name in reversed(list(self._tasks)):
            task = self._tasks.pop(name)
            while not task.done():  # code that swallows one cancellation is cancelled again
                task.cancel()
                await asyncio.wait([task], timeout=1)
        if not self.failed.done():
            self.failed.cancel()
