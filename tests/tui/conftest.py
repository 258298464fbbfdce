"""Stores to look at: one with fixed ids and times, made once and copied for each test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.tui import frozen


@pytest.fixture(scope="session")
def _frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("frozen") / "orders.db"
    frozen.make(f"sqlite:///{file}")
    return file


@pytest.fixture
def store_file(_frozen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A store of the test's own, with five executions."""
    for name in [name for name in os.environ if name == "NO_COLOR" or name.startswith("CEREBELUM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "orders.db"
    shutil.copy(_frozen, file)
    yield file
    structlog.reset_defaults()


@pytest.fixture
def store_url(store_file: Path) -> str:
    """Its URL."""
    return f"sqlite:///{store_file}"
