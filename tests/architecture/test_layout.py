from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT, imported_names, modules, parse, pyproject

FOLDERS = ("benchmarks", "cerebelum", "cerebelum_cli", "docs", "examples", "tests")
LINKS = ("adapters", "engine", "templates", "tui")
ENGINE_FOLDERS = ("application", "authoring", "domain", "ports", "runtime")
FILES = ("CHANGELOG.md", "LICENSE", "Makefile", "README.md", "pyproject.toml")


@pytest.mark.parametrize("name", FOLDERS)
def test_the_top_level_holds_the_layout(name: str) -> None:
    """W12: each folder of the layout stands at the top, is real, and holds something."""
    folder = ROOT / name
    assert folder.is_dir()
    assert not folder.is_symlink()
    assert any(path.is_file() for path in folder.rglob("*") if "__pycache__" not in path.parts)


@pytest.mark.parametrize("name", FILES)
def test_the_top_level_holds_the_project_files(name: str) -> None:
    """W12: the files a newcomer and a package builder look for are there and not empty."""
    assert (ROOT / name).stat().st_size > 0


@pytest.mark.parametrize("name", LINKS)
def test_the_links_are_relative_and_point_into_the_package(name: str) -> None:
    """W12: the four parts with generic names are links, so that no wheel shadows its users' modules."""
    link = ROOT / name
    assert link.is_symlink()
    assert link.readlink() == Path("cerebelum") / name
    assert any(link.iterdir())


@pytest.mark.parametrize("name", ENGINE_FOLDERS)
def test_the_engine_has_its_layers(name: str) -> None:
    """V1: each layer is a package, so that the import contracts see it."""
    assert (ROOT / "cerebelum" / "engine" / name / "__init__.py").is_file()


@pytest.mark.parametrize("name", ["aiosqlite", "asyncpg", "sqlalchemy", "typer"])
def test_the_listed_packages_are_dependencies(name: str) -> None:
    """W11: the packages named for the command line and the stores are the ones that are installed."""
    assert name in _dependencies()


def test_every_dependency_is_imported_by_the_code() -> None:
    """W11: nothing is installed that no module uses."""
    imported = {name.partition(".")[0] for path in modules("cerebelum", "cerebelum_cli") for name in _imports(path)}
    assert sorted(_dependencies() - imported - _opened_by_url()) == []


def _imports(path: Path) -> set[str]:
    return imported_names(parse(path))


def _dependencies() -> set[str]:
    return {re.split(r"[^\w.-]", requirement)[0] for requirement in pyproject()["project"]["dependencies"]}


def _opened_by_url() -> set[str]:
    """SQLAlchemy imports these drivers itself, for `sqlite+aiosqlite://` and `postgresql+asyncpg://`."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in modules("cerebelum/adapters"))
    return {driver for driver in ("aiosqlite", "asyncpg") if f"+{driver}" in text}
