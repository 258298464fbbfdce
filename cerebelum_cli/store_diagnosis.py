"""What `doctor` says about the store: whether it is there, of this release, writable, and on what. Changes nothing."""

from __future__ import annotations

import os
from pathlib import Path

from cerebelum.engine.domain.errors import CerebelumError
from cerebelum_cli.diagnosis import Finding, check_disk, check_file_system

_CLOCK_WARNING_US = 1_000_000


async def check_store(url: str) -> list[Finding]:
    """Return what is found; nothing is raised."""
    from cerebelum_cli.composition import place_of
    from cerebelum_cli.settings import shown_store

    if url.startswith("memory:"):
        return [Finding("store", "warning", "memory:// keeps nothing after the process ends", "--store orders.db")]
    try:
        place = place_of(url)
        if place is None:
            return await _check_server(url)
    except CerebelumError as error:
        return [_ill("store", error)]
    folder = _nearest_folder(place.path.parent)
    return [
        await _check_file(url, place.path, shown_store(url))
        if place.is_there
        else _check_missing(place.path, shown_store(url)),
        check_file_system(folder, place.file_system, is_network=place.is_network),
        check_disk(folder),
    ]


async def _check_file(url: str, path: Path, shown: str) -> Finding:
    from cerebelum_cli.composition import check_writable

    try:
        executions = await _count(url)
        check_writable(url)
    except CerebelumError as error:
        return _ill("store", error)
    except OSError as error:
        return Finding("store", "error", f"{shown}: {error.strerror or error}", f"see who may read it: ls -l {path}")
    return Finding("store", "ok", f"{shown}: schema current, {executions} executions, writable")


def _check_missing(path: Path, shown: str) -> Finding:
    """Judge a place where no store is: a first run makes one, if it may."""
    folder = _nearest_folder(path.parent)
    made_too = path.parent.name == ".cerebelum" and path.parent.parent == folder
    if folder != path.parent and not made_too:
        return Finding(
            "store", "error", f"{shown}: there is no folder {path.parent}", f"make it: mkdir -p {path.parent}"
        )
    if not os.access(folder, os.W_OK):
        return Finding("store", "error", f"{shown} cannot be made", f"see who may write there: ls -ld {folder}")
    return Finding("store", "ok", f"{shown}: none yet; the first run makes it")


async def _check_server(url: str) -> list[Finding]:
    from cerebelum_cli.composition import server_health
    from cerebelum_cli.settings import shown_store

    shown = shown_store(url)
    try:
        health = await server_health(url)
    except CerebelumError as error:
        return [_ill("store", error)]
    found = [Finding("server", "ok", f"PostgreSQL {health.version}")]
    if health.takes_no_writes:
        remedy = "name the primary, or several hosts with ?target_session_attrs=read-write"
        found[0] = Finding(
            "server", "error", f"PostgreSQL {health.version} takes no writes: a standby, or set so", remedy
        )
    try:
        state = f"{shown}: schema current, {await _count(url)} executions"
        store = Finding("store", "ok", f"{state}, writable" if not health.takes_no_writes else state)
        if not health.may_write:
            grant = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO …"
            store = Finding("store", "error", f"{state}; this login may not write to it", grant)
    except CerebelumError as error:
        store = _ill("store", error)
    return [store, *found, _server_clock(health.ahead_us, health.uncertain_us)]


def _server_clock(ahead_us: int, uncertain_us: int) -> Finding:
    shown = f"the server's is {ahead_us / 1_000:+.1f} ms from this machine's (± {uncertain_us / 1_000:.1f} ms)"
    if abs(ahead_us) - uncertain_us > _CLOCK_WARNING_US:
        remedy = "keep both by NTP: timedatectl set-ntp true"
        return Finding("server clock", "warning", f"{shown}; timers follow the server's", remedy)
    return Finding("server clock", "ok", shown)


async def _count(url: str) -> int:
    from cerebelum_cli.composition import reading_store

    async with reading_store(url) as store:
        return sum((await store.count_executions()).values())


def _ill(name: str, error: CerebelumError) -> Finding:
    text, _, remedy = str(error).partition("\n  help: ")
    return Finding(name, "error", f"{' '.join(text.split())} [{error.code}]", " ".join(remedy.split()))


def _nearest_folder(folder: Path) -> Path:
    return next((above for above in (folder, *folder.parents) if above.is_dir()), Path("/"))
