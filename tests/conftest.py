"""Fixtures every test may use. A server starts when the first test asks for it, one for each pytest worker."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.migrated_databases import MigratedDatabases
from tests.servers.postgres import PostgresServer
from tests.servers.postgres_binaries import PostgresUnavailable
from tests.strict_skips import pytest_make_collect_report, pytest_runtest_makereport
from tests.unloading import imports_undone

__all__ = ["postgres", "postgres_url", "pytest_make_collect_report", "pytest_runtest_makereport"]


@pytest.fixture(autouse=True)
def imports_are_undone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a test imported is unloaded again, or a flow.py of the next one finds its name taken."""
    with imports_undone(tmp_path_factory.getbasetemp()):
        yield


STORES = ("memory", "sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL. A test that restarts it or kills its backends disturbs nobody: each worker has its own."""
    server = PostgresServer()
    try:
        server.start()
    except PostgresUnavailable as error:
        pytest.skip(str(error))
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """The URL of an empty database that the test has alone; it is dropped afterwards."""
    url = postgres.create_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture(scope="session")
def migrated_databases(postgres: PostgresServer) -> MigratedDatabases:
    """Databases with the newest schema, emptied and used again: making one takes longer than most tests."""
    return MigratedDatabases(postgres)


@pytest.fixture
def new_postgres_url(migrated_databases: MigratedDatabases) -> Iterator[Callable[[], str]]:
    """Returns the URL of another empty database with the newest schema at each call."""
    taken: list[str] = []

    def make() -> str:
        taken.append(migrated_databases.take())
        return taken[-1]

    yield make
    for url in taken:
        migrated_databases.give_back(url)


@pytest.fixture
def migrated_postgres_url(new_postgres_url: Callable[[], str]) -> str:
    """The URL of an empty database with the newest schema that the test has alone."""
    return new_postgres_url()


def urls_of(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Return what gives the URL of another empty store at each call, of the kind that `request` names."""
    numbers = itertools.count(1)
    if request.param == "memory":
        return lambda: "memory://"
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path}/store-{next(numbers)}.db"
    make: Callable[[], str] = request.getfixturevalue("new_postgres_url")
    return make


@pytest.fixture(params=STORES)
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Returns the URL of another empty store at each call. A test that asks for it runs once on each kind of store."""
    return urls_of(request, tmp_path)


@pytest.fixture
def url(new_url: Callable[[], str]) -> str:
    """The URL of an empty store that the test has alone. A test that asks for it runs once on each kind of store."""
    return new_url()
