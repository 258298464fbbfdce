"""Stores to look at: one with fixed ids and times, made once and copied for each test."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from cerebelum_cli.composition import opened
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


@pytest.fixture
def forked_url(store_url: str) -> str:
    """A store with a fork of the failed order, in which the charge is another."""

    async def work() -> None:
        async with opened(store_url) as engine:
            await frozen.mend(engine)

    asyncio.run(work())
    return store_url


@pytest.fixture(scope="session")
def _run_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project") / "shop"
    folder.mkdir()
    flow = Path(__file__).parents[1] / "flows" / "saved_order.py"
    shutil.copy(flow, folder / "order.py")
    command = [sys.executable, "-m", "cerebelum_cli", "run", "order.py", "--id", "order-1"]
    subprocess.run(command, cwd=folder, check=False, capture_output=True)  # it fails, as it is written to
    return folder


@pytest.fixture
def project(_run_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project of the test's own, in which `order-1` of `order.py` has run and failed; one stands in it."""
    for name in [name for name in os.environ if name == "NO_COLOR" or name.startswith("CEREBELUM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    folder = tmp_path / "shop"
    shutil.copytree(_run_project, folder)
    monkeypatch.chdir(folder)
    yield folder
    structlog.reset_defaults()
