"""Fixtures every test may use. A server starts when the first test asks for it, one for each pytest worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.postgres import PostgresServer
from tests.servers.postgres_binaries import PostgresUnavailable
from tests.strict_skips import pytest_make_collect_report, pytest_runtest_makereport

__all__ = ["postgres", "postgres_url", "pytest_make_collect_report", "pytest_runtest_makereport"]


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
