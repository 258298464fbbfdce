"""The files that hold settings: which ones there are for a folder, what they say, and on which line."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

PROJECT_FILE = "cerebelum.toml"
PYPROJECT = "pyproject.toml"
PYPROJECT_TABLE = ("tool", "cerebelum")
USER_FILE = Path("cerebelum/config.toml")

_PART = r"""(?:[\w-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*\[{{1,2}}\s*({_DOTTED})\s*\]")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=")


class SettingFile(NamedTuple):
    """One file with settings."""

    path: Path
    shown: str  # as messages call it
    text: str
    values: Mapping[str, Any]
    table: tuple[str, ...] = ()  # where in the file they stand
    is_project: bool = True  # its relative paths are meant from its own folder

    def line_of(self, place: tuple[str, ...]) -> int | None:
        """Return the line (from 1) on which a setting stands, or else its table's; None where neither is found."""
        wanted = (*self.table, *place)
        table: tuple[str, ...] = ()
        nearest: int | None = None
        for number, line in enumerate(self.text.splitlines(), start=1):
            header, key = _HEADER.match(line), _KEY.match(line)
            if header is not None:
                table = here = _parts(header[1])
            elif key is not None:
                here = (*table, *_parts(key[1]))
            else:
                continue
            if here == wanted:
                return number
            if len(here) > len(self.table) and wanted[: len(here)] == here:
                nearest = number
            if here[: len(wanted)] == wanted:  # a table that is only there as part of a longer name
                return number
        return nearest


def project_files(folder: Path) -> list[SettingFile]:
    """Return the files of the nearest folder, from `folder` upward, that has any; the one that counts more is last.

    The way up ends at a repository's top, and at a folder that everybody may write to: what lies in `/tmp` is nobody's.

    Raises:
        SettingsUnreadable: a file cannot be read, or is not TOML.
    """
    for above in (folder, *folder.parents):
        if above != folder and _is_everybodys(above):
            break
        found = [
            file
            for name, table in ((PYPROJECT, PYPROJECT_TABLE), (PROJECT_FILE, ()))
            if (file := _read(above / name, table, shown=_seen_from(folder, above / name))) is not None
        ]
        if found:
            return found
        if _exists(above / ".git"):
            break
    return []


def user_file(environment: Mapping[str, str]) -> list[SettingFile]:
    """Return the user's own file, if it is there.

    Raises:
        SettingsUnreadable: see `project_files`.
    """
    home = environment.get("HOME")
    config = environment.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else "")
    if not config:
        return []
    path = Path(config) / USER_FILE
    shown = f"~/{path.relative_to(home)}" if home and path.is_relative_to(home) else str(path)
    found = _read(path, (), shown=shown)
    return [] if found is None else [found._replace(is_project=False)]


def _read(path: Path, table: tuple[str, ...], *, shown: str) -> SettingFile | None:
    if not _exists(path):
        return None
    import tomllib

    from cerebelum_cli.setting_errors import SettingsUnreadable

    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors put a mark before the first character
        if table and table[-1] not in text:  # most projects say nothing to us, and parsing takes longer than looking
            return None
        values: Any = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsUnreadable(shown, error) from error
    for key in table:
        values = values.get(key) if isinstance(values, dict) else None
    if values is None:
        return None
    return SettingFile(path, shown, text, values if isinstance(values, dict) else {table[-1]: values}, table)


def _seen_from(folder: Path, path: Path) -> str:
    """Return a file's name as it is called from `folder`: plain where it lies there, else whole."""
    return path.name if path.parent == folder else str(path)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a home that is another user's: its settings are not ours
        return False


def _is_everybodys(folder: Path) -> bool:
    try:
        return bool(folder.stat().st_mode & stat.S_IWOTH)
    except OSError:
        return True


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_PART, dotted))
