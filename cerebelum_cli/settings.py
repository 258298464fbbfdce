"""What is set where. Which store is meant: flag > CEREBELUM_STORE > cerebelum.toml or [tool.cerebelum] > the user's config > the default."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

DEFAULT_STORE = ".cerebelum/dev.db"
_USER_CONFIG = Path("cerebelum/config.toml")


def store_url(flag: str | None) -> str:
    """Return the URL of the store; a bare path means SQLite.

    Raises:
        UsageProblem: it is empty, or a configuration file is not TOML.
    """
    from cerebelum_cli.errors import UsageProblem

    chosen = flag if flag is not None else os.environ.get("CEREBELUM_STORE") or _configured("store") or DEFAULT_STORE
    if not chosen.strip():
        raise UsageProblem("--store is empty", help_="--store orders.db, --store postgresql://user@host/db")
    if "://" in chosen:
        return chosen
    return f"sqlite:///{chosen.replace('?', '%3f').replace('#', '%23')}" if "?" in chosen else f"sqlite:///{chosen}"


def shown_store(url: str) -> str:
    """Return a store's URL as people type it: a file by its path, a server without its password."""
    from cerebelum.engine.runtime.masking import mask_text

    path = url.removeprefix("sqlite:///").partition("?")[0]
    return path if path != url.partition("?")[0] else mask_text(url)


def queues(flags: Sequence[str] = ()) -> dict[str, int]:
    """Return how many steps of each queue run at once: what `[queues]` says, and what `name=5` flags say over it.

    Raises:
        UsageProblem: something is not a name and a whole number of 1 or more.
    """
    from cerebelum.engine.domain.errors import DefinitionError
    from cerebelum.engine.domain.queues import checked_queues
    from cerebelum_cli.errors import UsageProblem

    found = _configured_value("queues") or {}
    if not isinstance(found, dict):
        raise UsageProblem("the setting `queues` is not a table", help_="[queues]\ndefault = 10")
    for flag in flags:
        name, _, number = flag.rpartition("=")
        if not number.isascii() or not number.isdigit():
            raise UsageProblem(f"--queue {flag!r} is not NAME=NUMBER", help_="--queue embeddings=2")
        found = {**found, name: int(number)}
    try:
        return checked_queues(found)
    except DefinitionError as error:
        raise UsageProblem(
            str(error), help_="--queue embeddings=2, or in cerebelum.toml: [queues] embeddings = 2"
        ) from error


def _configured(name: str) -> str | None:
    value = _configured_value(name)
    return None if value is None else str(value)


def _configured_value(name: str) -> object:
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    for path, table in (
        (Path("cerebelum.toml"), ()),
        (Path("pyproject.toml"), ("tool", "cerebelum")),
        (home / _USER_CONFIG, ()),
    ):
        if _is_there(path) and (value := _read(path, table).get(name)) is not None:
            return value
    return None


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a home that is another user's: its settings are not ours
        return False


def _read(path: Path, table: tuple[str, ...]) -> dict[str, object]:
    import tomllib

    from cerebelum_cli.errors import UsageProblem

    try:
        found: object = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageProblem(
            f"{path} cannot be read: {error}", help_="mend it, or name the store: --store URL"
        ) from error
    for key in table:
        found = found.get(key, {}) if isinstance(found, dict) else {}
    return found if isinstance(found, dict) else {}
