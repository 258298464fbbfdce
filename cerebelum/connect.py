"""The library's composition root: chooses adapters by URL. The only module of the package that sees them all."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from cerebelum.engine.domain.errors_store import StoreUnsupported

if TYPE_CHECKING:  # a program that only lists executions has no use for the engine
    from cerebelum.engine.application.client import Client, Handle
    from cerebelum.engine.ports.codec import PayloadCodec, PayloadTransform
    from cerebelum.engine.ports.store import Store
    from cerebelum.engine.runtime.node import NodeSettings

T = TypeVar("T")


def open_store(url: str, *, read_only: bool = False) -> Store:
    """Return the store that a URL names, not yet opened.

    `sqlite:///relative/path.db` or `sqlite:////absolute/path.db` (`?synchronous=NORMAL`), `postgresql://user@host/db`,
    `memory://`. A bare path means SQLite.

    Args:
        read_only: only look. A SQLite file is then opened without a lock, also where nothing may be written.

    Raises:
        StoreUnsupported: another scheme.
    """
    scheme = url.partition(":")[0]
    if "://" not in url or scheme == "sqlite":
        if read_only:
            from cerebelum.adapters.stores.sqlite.read_only import ReadOnlySqliteStore

            return ReadOnlySqliteStore(url)
        from cerebelum.adapters.stores.sqlite.store import SqliteStore

        return SqliteStore(url)
    if scheme in ("postgresql", "postgres", "postgresql+asyncpg"):
        from cerebelum.adapters.stores.postgres.store import PostgresStore

        return PostgresStore(url)
    if scheme == "memory":
        from cerebelum.adapters.stores.memory import MemoryStore

        return MemoryStore()
    raise StoreUnsupported(
        f"no store for {scheme}://…\n  help: use sqlite:///path.db, postgresql://user@host/db or memory://"
    )


def make_codec(transforms: tuple[PayloadTransform, ...] = ()) -> PayloadCodec:
    """Return the payload codec, with hooks for compression and encryption in the order they are applied."""
    from cerebelum.adapters.codecs.json_codec import JsonCodec

    return JsonCodec(transforms=transforms)


@asynccontextmanager
async def connect(
    url: str,
    *,
    node: bool = True,
    settings: NodeSettings | None = None,
    queues: Mapping[str, int] | None = None,
    transforms: tuple[PayloadTransform, ...] = (),
    allow_stored_code: bool = False,
    **node_options: Any,
) -> AsyncIterator[Client]:
    """Open a store and give a client; `async with cerebelum.connect("sqlite:///orders.db") as client: …`.

    Args:
        url: see `open_store`.
        node: run the workflows that are started by their function in this process.
        queues: name to how many of a queue's steps run at once on this process's node.
        transforms: payload hooks; every process that reads the store needs the same.
        allow_stored_code: run old versions from the source that the store keeps, where their code is gone.

    Raises:
        StoreError: the store cannot be used; nothing was written.
        DefinitionError: a queue's name or number cannot be used.
    """
    from cerebelum.engine.application.client import Client
    from cerebelum.engine.application.engine import Engine

    if queues is not None:
        settings = _with_queues(settings, queues)
    store = open_store(url)
    await store.open()
    engine = Engine(
        store, make_codec(transforms), settings=settings, allow_stored_code=allow_stored_code, **node_options
    )
    try:
        yield Client(engine, node=node)
    finally:
        try:
            await engine.stop_node()
        finally:
            await store.close()


def _with_queues(settings: NodeSettings | None, queues: Mapping[str, int]) -> NodeSettings:
    from msgspec import structs

    from cerebelum.engine.domain.queues import checked_queues
    from cerebelum.engine.runtime.node import NodeSettings

    return structs.replace(settings or NodeSettings(), queues=checked_queues(queues))


class BlockingHandle:
    """A `Handle` for scripts: the same calls, each waits."""

    def __init__(self, client: BlockingClient, handle: Handle[Any]) -> None:
        self._client, self._handle = client, handle
        self.id, self.existed = handle.id, handle.existed

    def fork(self, at: int | str | None = None, **options: Any) -> BlockingHandle:
        """As `Handle.fork`."""
        return BlockingHandle(self._client, self._client.call(self._handle.fork(at, **options)))

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._handle, name)
        return lambda *args, **kwargs: self._client.call(method(*args, **kwargs))


class _BlockingSchedules:
    """`Schedules` for scripts: the same calls, each waits."""

    def __init__(self, client: BlockingClient, schedules: Any) -> None:
        self._client, self._schedules = client, schedules

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._schedules, name)
        return lambda *args, **kwargs: self._client.call(method(*args, **kwargs))


class BlockingClient:
    """A `Client` for scripts: the engine runs on a loop in a thread of its own."""

    def __init__(self, client: Client, loop: asyncio.AbstractEventLoop) -> None:
        self._client, self._loop = client, loop

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the engine's loop and return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def start(self, workflow: Any, *args: Any, **options: Any) -> BlockingHandle:
        """As `Client.start`."""
        return BlockingHandle(self, self.call(self._client.start(workflow, *args, **options)))

    def provide_input(self, execution_id: str, name: str, data: Any = None, *, by: str = "") -> str:
        """As `Client.provide_input`."""
        return self.call(self._client.provide_input(execution_id, name, data, by=by))

    def handle(self, execution_id: str) -> BlockingHandle:
        """As `Client.handle`."""
        return BlockingHandle(self, self._client.handle(execution_id))

    def signal_with_start(self, workflow: Any, *args: Any, **options: Any) -> BlockingHandle:
        """As `Client.signal_with_start`."""
        return BlockingHandle(self, self.call(self._client.signal_with_start(workflow, *args, **options)))

    @property
    def schedules(self) -> _BlockingSchedules:
        """As `Client.schedules`; each call waits."""
        return _BlockingSchedules(self, self._client.schedules)

    def schedule(self, name: str, workflow: Any, when: Any, *, timezone: str = "UTC") -> Any:
        """As `Client.schedule`."""
        return self.call(self._client.schedule(name, workflow, when, timezone=timezone))

    def schedule_all(self, *targets: Any, timezone: str = "UTC") -> Any:
        """As `Client.schedule_all`."""
        return self.call(self._client.schedule_all(*targets, timezone=timezone))

    def list(self, **conditions: Any) -> Any:
        """As `Client.list`."""
        return self.call(self._client.list(**conditions))


@contextmanager
def connect_blocking(url: str, **options: Any) -> Iterator[BlockingClient]:
    """As `connect`, for code without asyncio: `with cerebelum.connect_blocking(url) as client: …`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="cerebelum-client", daemon=True)
    thread.start()
    context = connect(url, **options)
    try:
        client = asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result()
        try:
            yield BlockingClient(client, loop)
        finally:
            asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Callable(ModuleType):
    """Once this module is loaded, Python binds `cerebelum.connect` to it: the name is to work as the function, too."""

    __call__ = staticmethod(connect)


sys.modules[__name__].__class__ = _Callable
