"""From defaults, files, environment and flags to one checked `Settings`, and where each value came from."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from cerebelum_cli.setting_errors import SettingRefused, UnknownSetting
from cerebelum_cli.setting_files import SettingFile, project_files, user_file
from cerebelum_cli.setting_model import ENVIRONMENT_PREFIX, Settings, at, known, tables, variable_of

Place = tuple[str, ...]
Kind = Literal["default", "user", "project", "environment", "flag"]

# Not settings of this table: the command's own switch, and what the test suite and the tools beside it read.
_OTHER_VARIABLES = frozenset({"CEREBELUM_DEBUG"})


class Given(NamedTuple):
    """A value, and who gave it."""

    place: Place
    value: Any
    kind: Kind
    origin: str  # `cerebelum.toml:3`, `CEREBELUM_STORE`, `--store`


class Settled(NamedTuple):
    """What counts."""

    settings: Settings
    given: Mapping[Place, Given]  # of what is not left at its default
    strange_variables: tuple[tuple[str, str], ...] = ()  # that look like a setting's: (its name, the nearest one)


def settle(folder: Path | None, environment: Mapping[str, str], flags: Sequence[Given] = ()) -> Settled:
    """Read and check everything: defaults < the user's file < the project's < environment < flags.

    Args:
        folder: where to look for the project's files, and upward; None reads no file at all.

    Raises:
        UnknownSetting, SettingRefused, SettingsUnreadable: also for a value that a later one would cover.
    """
    found: dict[Place, Given] = {}
    if folder is not None:
        for file in (*user_file(environment), *project_files(folder)):
            found |= {one.place: one for one in _from_file(file, folder)}
    found |= {one.place: one for one in _from_environment(environment)}
    found |= {one.place: _checked(one, "") for one in flags}
    return Settled(_built(found.values()), found, tuple(_strange(environment)))


def _built(given: Iterable[Given]) -> Settings:
    raw: dict[str, Any] = {}
    for one in given:
        *table, name = one.place
        (raw.setdefault(table[0], {}) if table else raw)[name] = one.value
    return msgspec.convert(raw, Settings)


def _from_file(file: SettingFile, folder: Path) -> Iterator[Given]:
    kind: Kind = "project" if file.is_project else "user"
    for place, value in _flat(file.values):
        number = file.line_of(place)
        origin = file.shown if number is None else f"{file.shown}:{number}"
        line = "" if number is None else f"  {number} | {_masked(file.text.splitlines()[number - 1].strip())}\n"
        if place[0] in tables() and len(place) == 1:
            raise SettingRefused(place[0], _shown(place, value), origin, wanted=f"a table: [{place[0]}]", line=line)
        one = _checked(Given(place, value, kind, origin), line)
        yield one._replace(value=_placed(one.value, file, folder)) if place == ("store",) else one


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[Place, Any]]:
    for name, value in values.items():
        if name in tables() and isinstance(value, dict):
            yield from (((name, inner), found) for inner, found in value.items())
        else:
            yield (name,), value


def _placed(store: str, file: SettingFile, folder: Path) -> str:
    """Return a store's path as it is meant: from the folder of the project's file, wherever the command is typed."""
    base = file.path.parent
    scheme, separator, path = store.partition(":///")
    if separator and scheme != "sqlite":
        return store
    path = path if separator else store
    if not file.is_project or base == folder or "://" in path or path.startswith(("/", ":memory:")):
        return store
    return (
        f"{scheme}{separator}{os.path.relpath(base / path, folder)}"
        if separator
        else os.path.relpath(base / path, folder)
    )


def _from_environment(environment: Mapping[str, str]) -> Iterator[Given]:
    if environment.get("NO_COLOR"):
        yield Given(("color",), "never", "environment", "NO_COLOR")
    for place in known():
        name = variable_of(place)
        text = environment.get(name, "").strip()
        if not text:
            continue  # empty is unset, as everywhere in a shell
        if place[-1] == "*":
            for queue, number in _pairs(place, text, name):
                yield _checked(Given((place[0], queue), number, "environment", name), "", strict=False)
        else:
            yield _checked(Given(place, text, "environment", name), "", strict=False)


def _pairs(place: Place, text: str, name: str) -> Iterator[tuple[str, str]]:
    for pair in text.split(","):
        queue, separator, number = pair.strip().rpartition("=")
        if not separator:
            raise SettingRefused(
                place[0], repr(text), name, wanted="NAME=NUMBER pairs, with commas between", help_=f"unset {name}"
            )
        yield queue.strip(), number.strip()


def _strange(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield variables that are nearly a setting's. Others are left alone: Kubernetes makes them up from service names."""
    names = {variable_of(place) for place in known()} | _OTHER_VARIABLES
    tails = {name.removeprefix(ENVIRONMENT_PREFIX): name for name in names}
    for name in environment:
        if name.startswith(ENVIRONMENT_PREFIX) and name not in names:
            near = _nearest(name.removeprefix(ENVIRONMENT_PREFIX), tails, 0.75)
            if near:
                yield name, tails[near]


def _checked(one: Given, line: str, *, strict: bool = True) -> Given:
    """Return it with its value converted.

    Raises:
        UnknownSetting, SettingRefused: see `settle`.
    """
    found = at(one.place)
    if found is None:
        raise _unknown(one, line)
    value = one.value.lower() if not strict and found.wanted.startswith("one of") else one.value
    try:
        value = msgspec.convert(value, found.type, strict=strict)
        if isinstance(value, float) and not math.isfinite(value):
            raise msgspec.ValidationError
    except msgspec.ValidationError:
        help_ = f"unset {one.origin}" if one.kind == "environment" else ""
        shown = _shown(one.place, one.value)
        raise SettingRefused(
            _dotted(one.place), shown, one.origin, wanted=found.wanted, line=line, help_=help_
        ) from None
    if one.place[0] == "queues":
        _check_queue(one, line)
    if one.place == ("scheduler", "timezone"):
        _check_zone(one, line)
    return one._replace(value=value)


def _check_queue(one: Given, line: str) -> None:
    from cerebelum.engine.domain.errors import DefinitionError
    from cerebelum.engine.domain.queues import checked_queue

    try:
        checked_queue(one.place[1], what="queues")
    except DefinitionError as error:
        wanted = str(error).rpartition(": ")[2]
        raise SettingRefused("the queue's name", repr(one.place[1]), one.origin, wanted=wanted, line=line) from error


def _check_zone(one: Given, line: str) -> None:
    from cerebelum.engine.domain.schedules.zones import zone_named

    try:
        zone_named(one.value)
    except ValueError as error:
        help_ = f"unset {one.origin}" if one.kind == "environment" else ""
        wanted = f"the name of a time zone: {error}"
        raise SettingRefused(
            _dotted(one.place), repr(one.value), one.origin, wanted=wanted, line=line, help_=help_
        ) from error


def _unknown(one: Given, line: str) -> UnknownSetting:
    names = {_dotted(place): _dotted(place) for place in known() if place[-1] != "*"}
    names |= {table: table for table in tables()}
    key = _dotted(one.place)
    near = _nearest(key, names, 0.6) or _nearest(one.place[-1], {name.rpartition(".")[2] for name in names}, 0.6)
    whole = next((name for name in names if near in (name, name.rpartition(".")[2])), "") if near else ""
    return UnknownSetting(key, one.origin, line=line, nearest=whole, known=tuple(names))


def _nearest(name: str, names: Iterable[str], least: float) -> str:
    from difflib import get_close_matches

    found = get_close_matches(name, list(names), n=1, cutoff=least)
    return found[0] if found else ""


def _dotted(place: Place) -> str:
    return ".".join(place)


def _shown(place: Place, value: object) -> str:
    from cerebelum.engine.runtime.masking import MASK, hides

    text = repr(value) if len(repr(value)) <= 100 else f"{repr(value)[:100]}…"
    return MASK if hides(place[-1], value) else _masked(text)


def _masked(text: str) -> str:
    from cerebelum.engine.runtime.masking import mask_text

    return mask_text(text)
