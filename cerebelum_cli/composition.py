"""The composition root of the command line: the one module that chooses adapters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from cerebelum.connect import make_codec, open_store
from cerebelum.engine.domain.errors_store import StoreError, StoreUnreachable
from cerebelum_cli.settings import DEFAULT_STORE, shown_store

if TYPE_CHECKING:  # a command imports what it needs: `list` needs no engine
    from cerebelum.adapters.stores.postgres.health import Health
    from cerebelum.engine.application.engine import Engine
    from cerebelum.engine.ports.codec import PayloadCodec
    from cerebelum.engine.ports.store import Store

T = TypeVar("T")


def run_async(work: Coroutine[Any, Any, T], *, is_node: bool = False) -> T:
    """Run a command's coroutine; `is_node` where it runs executions, and a quick loop pays for its import."""
    with asyncio.Runner(loop_factory=_loop_factory() if is_node else None) as runner:
        return runner.run(work)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's where it is installed: a busy node is a tenth faster on it."""
    try:
        from uvloop import new_event_loop
    except ImportError:  # not made for this platform
        return None
    return new_event_loop


def codec() -> PayloadCodec:
    """Return the payload codec."""
    return make_codec()


@asynccontextmanager
async def opened(
    url: str, *, create: bool = False, stop_within_s: float = 10.0, **engine: Any
) -> AsyncIterator[Engine]:
    """Give an engine on the store; its node, if it was started, is stopped at the end.

    Args:
        create: make the store where there is none; else that is an error and nothing is made.
        stop_within_s: how long steps under way may take at the end.
        engine: settings of `Engine`.

    Raises:
        StoreUnreachable: there is no store, and `create` is not set.
        StoreError: it cannot be used.
    """
    from cerebelum.engine.application.engine import Engine
    from cerebelum_cli.own_log import configure_when_needed

    configure_when_needed()
    prepare(url, create=create)
    store = open_store(url)
    await store.open()
    running = Engine(store, codec(), **engine)
    try:
        yield running
    finally:
        try:
            await running.stop_node(stop_within_s)
        finally:
            await store.close()


@asynccontextmanager
async def reading(url: str) -> AsyncIterator[Engine]:
    """Give an engine on the store to look with: it takes no lock, and works where nothing may be written.

    Raises:
        StoreUnreachable: there is no store.
        StoreError: it cannot be read.
    """
    from cerebelum.engine.application.engine import Engine
    from cerebelum_cli.own_log import configure_when_needed

    configure_when_needed()
    async with reading_store(url) as store:
        yield Engine(store, codec())


@asynccontextmanager
async def reading_store(url: str) -> AsyncIterator[Store]:
    """As `reading`, without the engine, whose import takes longer than a list.

    Raises:
        StoreError: see `reading`.
    """
    prepare(url, create=False)
    store = open_store(url, read_only=True)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def prepare(url: str, *, create: bool) -> None:
    """Check that a file's store is there, or make the default one's folder.

    Raises:
        StoreUnreachable: see `opened`.
        StoreUnsupported: the URL names no file.
    """
    path = _file_of(url)
    if path is None or path.exists():
        return
    if not create:
        raise StoreUnreachable(f"there is no store at {shown_store(url)}\n  help: {_other_store(path)}")
    if path.parent != Path(DEFAULT_STORE).parent.resolve():
        return  # a folder that was named must be there: a typing error should not make one
    try:
        path.parent.mkdir(exist_ok=True)
        ignore = path.parent / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")  # histories do not belong into a repository
    except OSError as error:
        raise StoreUnreachable(
            f"{shown_store(url)} cannot be made: {error.strerror}\n"
            f"  help: see who may write there: ls -ld {path.parent.parent}; or name another place: --store URL"
        ) from error


def _other_store(path: Path) -> str:
    """Return what to do about a store that is not there: people stand in a subfolder of their project more often than not."""
    if path == Path(DEFAULT_STORE).resolve():
        for number, folder in enumerate(Path.cwd().parents, start=1):
            if (folder / DEFAULT_STORE).is_file():
                return f"is it this one? --store {'../' * number}{DEFAULT_STORE}"
    return "`cerebelum run FLOW.py` makes one in the folder you run it in; another? --store URL"


def _file_of(url: str) -> Path | None:
    if not url.startswith("sqlite:"):
        return None
    from cerebelum.adapters.stores.sqlite.location import locate

    return locate(url).path


class FilePlace(NamedTuple):
    """Where a file's store lies, or would."""

    path: Path
    is_there: bool
    file_system: str | None  # None where the system does not tell
    is_network: bool


def place_of(url: str) -> FilePlace | None:
    """Return where a file's store lies; None for a server's.

    Raises:
        StoreUnsupported: the URL names no file, or no store at all.
    """
    path = _file_of(url)
    if path is None:
        open_store(url)  # refuses a scheme that is none
        return None
    from cerebelum.adapters.stores.sqlite.location import NETWORK_FILE_SYSTEMS, file_system

    kind = file_system(path)
    return FilePlace(path, path.exists(), kind, kind in NETWORK_FILE_SYSTEMS)


def check_writable(url: str) -> None:
    """Check that a file's store takes writes, without one.

    Raises:
        StoreError: it does not.
    """
    from cerebelum.adapters.stores.sqlite.location import check_place, locate

    check_place(locate(url))


async def server_health(url: str) -> Health:
    """Return what a server says of itself.

    Raises:
        StoreError: it cannot be reached.
    """
    from cerebelum.adapters.stores.postgres.health import look

    return await look(url)


def project_of(url: str) -> Path | None:
    """Return the folder that a file's store belongs to: the one that `.cerebelum` or the file itself lies in."""
    path = _file_of(url)
    if path is None:
        return None
    return path.parent.parent if path.parent.name == Path(DEFAULT_STORE).parent.name else path.parent


def known_revisions() -> tuple[str, ...]:
    """Return the schema revisions that this release can upgrade from, oldest first."""
    from cerebelum.adapters.stores.migrations import REVISIONS

    return tuple(REVISIONS)


async def schema_revisions(url: str) -> tuple[str | None, str]:
    """Return the store's schema revision (None: empty) and the newest one of this release.

    Raises:
        StoreError: the store cannot be read.
    """
    from cerebelum.adapters.stores import migrate

    prepare(url, create=False)
    return await _translated(migrate.current(url), url), migrate.head()


async def upgrade_schema(url: str) -> None:
    """Bring the store's schema to the newest revision of this release.

    Raises:
        StoreError: the store cannot be read or written.
    """
    from cerebelum.adapters.stores import migrate

    prepare(url, create=False)
    await _translated(migrate.upgrade(url), url)


async def _translated(work: Coroutine[Any, Any, T], url: str) -> T:
    """Driver errors stop here."""
    import sqlite3

    from alembic.util import CommandError
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    from cerebelum.adapters.stores.sqlite.errors import translate

    try:
        return await work
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise translate(error.orig, url) from error
        raise StoreError(f"{shown_store(url)} failed: {error.orig}\n  help: cerebelum db status") from error
    except (CommandError, SQLAlchemyError, OSError) as error:
        raise StoreUnreachable(f"{shown_store(url)}: {error}\n  help: check the URL: --store URL") from error
