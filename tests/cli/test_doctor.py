"""`cerebelum doctor`: what it finds, what it advises, and that it changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pexpect
import pytest

from cerebelum_cli import composition
from cerebelum_cli.diagnosis import (
    PARTS,
    check_clock,
    check_disk,
    check_file_system,
    check_parts,
    check_python,
    check_sqlite,
    has_wal_reset_bug,
)
from cerebelum_cli.store_diagnosis import _server_clock
from tests.architecture.repository import ROOT, pyproject
from tests.cli.cli_project import Project, command, environ

GIB = 1 << 30


def examined(project: Project, *words: str) -> tuple[int, dict[str, dict[str, str]]]:
    result = project("doctor", "--json", *words)
    body = json.loads(result.stdout)
    assert body["schema"] == "cerebelum.doctor/1"
    assert body["well"] == (result.exit_code == 0)
    return result.exit_code, {check["name"]: check for check in body["checks"]}


def test_a_new_folder_is_well(project: Project) -> None:
    """W10: nothing needs to be there; exit 0, nothing is made, and the first run is told to make the store."""
    before = sorted(project.folder.iterdir())
    code, found = examined(project)
    assert code == 0, found
    assert "the first run makes it" in found["store"]["found"]
    names = ("python", "sqlite", "settings", "store", "file system", "disk", "clock", "greenlet", "pyyaml", "asyncpg")
    assert set(names) <= set(found)
    assert sorted(project.folder.iterdir()) == before


def test_a_store_in_use_is_well(project: Project) -> None:
    """W10: its schema and the number of executions are told."""
    project("run", "flow.py:good")
    code, found = examined(project)
    assert code == 0
    assert found["store"]["found"] == ".cerebelum/dev.db: schema current, 1 executions, writable"


def test_a_person_sees_marks_and_remedies(project: Project) -> None:
    """W10: on a terminal each line has a mark, a word and what to do; the last line counts. A broken file does not end it."""
    project.write("cerebelum.toml", "stroe = 1\n")
    first, *words = command("doctor")
    seen = pexpect.run(
        " ".join([first, *words]), cwd=str(project.folder), env={**environ(), "TERM": "xterm"}, encoding="utf-8"
    )  # fmt: skip
    assert "✗ error" in seen
    assert "cerebelum.toml:1: there is no setting 'stroe' [CB220]" in seen
    assert "help: see all of them: cerebelum config show --defaults" in seen
    assert "1 error" in seen.splitlines()[-1]
    result = project("doctor")
    assert result.exit_code == 1
    assert "\nstore\t" not in result.stdout
    assert "\nstore\tok\tx.db" in project("doctor", "--store", "x.db").stdout
    assert "settings\terror\t" in result.stdout
    assert project("doctor", "-o", "ids").stdout.startswith("python\n")
    assert json.loads(project("doctor", "-o", "jsonl").stdout.splitlines()[0])["schema"] == "cerebelum.check/1"


@pytest.mark.parametrize(
    "url, says",
    [
        ("nowhere/orders.db", "there is no folder"),
        ("flow.py", "not a Cerebelum store"),
        ("folder", "folder"),
        ("mysql://host/db", "no store for mysql"),
        ("sqlite:///", "names no file"),
        ("postgresql://me:geheim@127.0.0.1:1/db", "cannot reach postgresql://me@127.0.0.1:1/db"),
    ],
)
def test_a_store_that_cannot_be_used_is_an_error(project: Project, url: str, says: str) -> None:
    """W10: exit 1, with the reason and a remedy, and no password."""
    (project.folder / "folder").mkdir()
    code, found = examined(project, "--store", url)
    assert code == 1
    assert found["store"]["state"] == "error"
    assert says in found["store"]["found"]
    assert found["store"]["remedy"]
    assert "geheim" not in json.dumps(found)


def test_a_store_that_takes_no_writes_is_an_error(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """W10: a file or folder without the permission is found before a run fails on it."""
    from cerebelum.adapters.stores.sqlite import location

    project("run", "flow.py:good")
    monkeypatch.setattr(location, "_writable", lambda path: path.suffix != ".db")  # root may write anywhere
    code, found = examined(project)
    assert code == 1
    assert "takes no writes: no permission to write to" in found["store"]["found"]
    assert "chmod u+w" in found["store"]["remedy"]


def test_a_network_file_system_is_an_error(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """W10: SQLite's locks do not reach across machines, so such a place is refused, also before there is a store."""
    place = composition.FilePlace(project.folder / "x.db", is_there=False, file_system="nfs4", is_network=True)
    monkeypatch.setattr(composition, "place_of", lambda url: place)
    code, found = examined(project)
    assert code == 1
    assert "nfs4, a network file system" in found["file system"]["found"]
    assert "postgresql://" in found["file system"]["remedy"]


@pytest.mark.parametrize("kind, state", [("ext4", "ok"), (None, "ok"), ("tmpfs", "warning"), ("ramfs", "warning")])
def test_a_local_file_system(kind: str | None, state: str) -> None:
    """W10: one in memory is a warning, since a reboot empties it."""
    assert check_file_system(Path("/data"), kind, is_network=False).state == state


@pytest.mark.parametrize("free, state", [(GIB // 20, "error"), (GIB // 2, "warning"), (9 * GIB, "ok")])
def test_a_full_disk_is_told_in_time(free: int, state: str) -> None:
    """W10: under 0.1 GiB is an error, under 1 GiB a warning; a place that cannot be asked is a warning."""
    assert check_disk(Path("/data"), lambda _: (10 * GIB, 10 * GIB - free, free)).state == state

    def failing(_: Path) -> tuple[int, int, int]:
        raise OSError(5, "Input/output error")

    assert check_disk(Path("/data"), failing).state == "warning"


@pytest.mark.parametrize("version", [(3, 33, 0), (3, 40, 1), (3, 44, 5), (3, 45, 0), (3, 50, 6), (3, 51, 2)])
def test_sqlites_with_the_wal_reset_bug(version: tuple[int, int, int]) -> None:
    """W10: 3.7.0 to 3.51.2 are named with what to do; a store on a server is not concerned."""
    assert has_wal_reset_bug(version)
    found = check_sqlite(version)
    assert (found.state, "WAL-reset" in found.found, "3.51.3" in found.remedy) == ("warning", True, True)
    assert check_sqlite(version, is_used=False).state == "ok"


@pytest.mark.parametrize("version", [(3, 44, 6), (3, 50, 7), (3, 51, 3), (3, 53, 1), (4, 0, 0)])
def test_sqlites_without_it(version: tuple[int, int, int]) -> None:
    """W10: the lines that had it mended, and what came later, are well."""
    assert check_sqlite(version).state == "ok"


def test_other_sqlites_and_pythons() -> None:
    """W10: too old is an error where it is used; the withdrawn 3.52.0 is a warning; Python is wanted from 3.11."""
    assert check_sqlite((3, 32, 3)).state == "error"
    assert check_sqlite((3, 32, 3), is_used=False).state == "warning"
    assert check_sqlite((3, 52, 0)).state == "warning"
    assert check_python((3, 10, 9)).state == "error"
    assert check_python().state != "error"


def ticking(*values: float) -> Callable[[], float]:
    given: Iterator[float] = iter(values)
    return lambda: next(given)


@pytest.mark.parametrize(
    "wall, monotonic, state",
    [
        ((2e9, 2e9 + 0.05), (5.0, 5.05), "ok"),
        ((2e9, 2e9 - 3600), (5.0, 5.05), "warning"),
        ((2e9, 2e9 + 60), (5.0, 5.05), "warning"),
        ((0.0,), (5.0,), "error"),
    ],
)
def test_clocks(wall: tuple[float, ...], monotonic: tuple[float, ...], state: str) -> None:
    """W10: a clock that was never set is an error, one that jumps while it is looked at a warning."""
    assert check_clock(ticking(*wall), ticking(*monotonic), lambda _: None).state == state


def test_a_servers_clock() -> None:
    """W10: more than a second apart is a warning; what the round trip leaves uncertain is not held against it."""
    assert _server_clock(900_000, 100).state == "ok"
    assert _server_clock(-1_200_000, 100).state == "warning"
    assert _server_clock(1_500_000, 600_000).state == "ok"


def test_parts_that_are_missing() -> None:
    """W11: a dependency is an error with the command to install it; what is optional is well without."""
    found = {part.name: part for part in check_parts(lambda module: False)}
    assert found["greenlet"].state == "error"
    assert "pip install" in found["greenlet"].remedy
    for name, wanted in (
        ("pyyaml", "'cerebelum[yaml]'"),
        ("textual-serve", "'cerebelum[serve]'"),
        ("markdownify", "'cerebelum[examples]'"),
        ("uvloop", "uvloop"),
    ):
        assert (found[name].state, found[name].remedy.endswith(wanted)) == ("ok", True)


def test_each_extra_is_looked_for() -> None:
    """W11: the extras that users install, by the names that pyproject.toml has."""
    extras = set(pyproject()["project"]["optional-dependencies"]) - {"dev", "bench"}
    assert extras <= {extra for _, extra, _ in PARTS}


def test_a_slip_in_a_variable_is_a_warning(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """T5: it is not refused, but it is said."""
    monkeypatch.setenv("CEREBELUM_STROE", "x.db")
    code, found = examined(project)
    assert code == 0
    assert found["settings"]["state"] == "warning"
    assert "did you mean CEREBELUM_STORE?" in found["settings"]["found"]


def test_memory_keeps_nothing(project: Project) -> None:
    """W10: a store that ends with the process is a warning."""
    assert examined(project, "--store", "memory://")[1]["store"]["state"] == "warning"


async def execute(url: str, statement: str) -> Any:
    connection: Any = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def run_on(url: str, statement: str) -> Any:
    return composition.run_async(execute(url, statement))


def test_a_server_is_asked(project: Project, postgres_url: str) -> None:
    """W10, W4: on PostgreSQL version, schema, clock and the right to write are looked at; a read-only server is an error."""
    url = postgres_url
    assert project("db", "upgrade", "--store", url).exit_code == 0
    code, found = examined(project, "--store", url)
    assert code == 0, found
    assert found["server"]["found"].startswith("PostgreSQL ")
    assert found["store"]["found"].endswith("schema current, 0 executions, writable")
    assert found["server clock"]["state"] == "ok"
    assert "file system" not in found
    name = run_on(url, "SELECT current_database()")
    run_on(url, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    code, found = examined(project, "--store", url)
    assert code == 1
    assert "takes no writes" in found["server"]["found"]


def test_a_server_without_the_schema(project: Project, postgres_url: str) -> None:
    """W10: an empty database is an error with the command that makes the tables."""
    code, found = examined(project, "--store", postgres_url)
    assert code == 1
    assert "cerebelum db upgrade" in found["store"]["remedy"]


def test_the_page_tells_of_the_checks() -> None:
    """W16: docs/configuration.md has a part on the doctor, with each of its checks."""
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8").partition("## Is all well?")[2]
    for name in ("python", "sqlite", "settings", "store", "file system", "disk", "clock", "server"):
        assert f"| `{name}`" in page
