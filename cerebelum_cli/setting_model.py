"""Every setting there is, with its type, range, default and meaning: one struct that is the model and the validator.

A new setting is a field here: files, the environment (`CEREBELUM_` and its key in capitals, dots as `_`), the checks,
`cerebelum config show` and its page in the docs follow from it. None is added that nothing reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from msgspec import Meta, Struct, field, structs

from cerebelum_cli.settings import DEFAULT_STORE

ENVIRONMENT_PREFIX = "CEREBELUM_"

Seconds = Annotated[float, Meta(ge=0, le=31_536_000)]
SomeSeconds = Annotated[float, Meta(ge=0.01, le=31_536_000)]


class NodeTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[node]`: how a process that runs workflows behaves."""

    step_threads: Annotated[int, Meta(ge=1, le=10_000, description="plain-function steps that run at once")] = 32
    stop_within_s: Annotated[Seconds, Meta(description="how long running steps may take when a node stops")] = 10.0
    allow_stored_code: Annotated[
        bool, Meta(description="run old versions from the source in the store, where their file is gone")
    ] = False
    most_resident: Annotated[
        int, Meta(ge=1, le=10_000_000, description="executions in memory; beyond, none are taken up")
    ] = 50_000
    most_claims: Annotated[
        int, Meta(ge=1, le=1_000, description="tries without progress until an execution is parked")
    ] = 5
    most_blocked: Annotated[
        int, Meta(ge=1, le=1_000, description="activations that do not end until an execution is parked")
    ] = 3
    activation_limit_s: Annotated[
        SomeSeconds, Meta(description="how long workflow code may compute without an await")
    ] = 2.0
    blocked_warning_s: Annotated[SomeSeconds, Meta(description="how long until a blocked loop is named in the log")] = (
        0.5
    )
    store_patience_s: Annotated[
        SomeSeconds, Meta(description="how long the store may refuse commits until the node gives up")
    ] = 10.0


class SchedulerTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[scheduler]`: what starts by itself."""

    enabled: Annotated[bool, Meta(description="whether nodes started here fire schedules")] = True
    timezone: Annotated[
        str, Meta(min_length=1, max_length=100, description="the zone of cron schedules that name none")
    ] = "UTC"


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings of the command line."""

    store: Annotated[
        str,
        Meta(min_length=1, max_length=4_096, pattern=r"\S", description="where executions are kept: a path or a URL"),
    ] = DEFAULT_STORE
    log_level: Annotated[
        Literal["debug", "info", "warning", "error", "critical"],
        Meta(description="which lines the process's own log shows"),
    ] = "warning"
    color: Annotated[
        Literal["auto", "always", "never"], Meta(description="colours: auto is on terminals only; NO_COLOR is never")
    ] = "auto"
    queues: Annotated[
        dict[str, Annotated[int, Meta(ge=1, le=1_000_000)]],
        Meta(description="how many steps of each queue run at once on a node"),
    ] = field(default_factory=dict)
    node: NodeTable = field(default_factory=NodeTable)
    scheduler: SchedulerTable = field(default_factory=SchedulerTable)


class Known(NamedTuple):
    """What is known of one setting."""

    type: Any
    default: Any
    meaning: str
    wanted: str  # which values it takes, in words


@cache
def known() -> Mapping[tuple[str, ...], Known]:
    """Return every setting by its place; `("queues", "*")` stands for any queue."""
    found: dict[tuple[str, ...], Known] = {}
    for name, kind, default in _fields(Settings):
        if isinstance(default, Struct):
            found |= {(name, inner): _known(type_, value) for inner, type_, value in _fields(type(default))}
        elif isinstance(default, dict):
            found[name, "*"] = _known(get_args(get_args(kind)[0])[1], None, _meaning(kind))
        else:
            found[name,] = _known(kind, default)
    return found


@cache
def tables() -> frozenset[str]:
    """Return the names of the tables."""
    return frozenset(place[0] for place in known() if len(place) > 1)


def at(place: tuple[str, ...]) -> Known | None:
    """Return what is known of the setting at this place, None if there is none."""
    return known().get(place) or (known().get((place[0], "*")) if len(place) == 2 else None)


def variable_of(place: tuple[str, ...]) -> str:
    """Return the name of the environment's variable for a setting; all queues share one."""
    return ENVIRONMENT_PREFIX + "_".join(part for part in place if part != "*").upper()


def _fields(struct: type[Struct]) -> list[tuple[str, Any, Any]]:
    hints = get_type_hints(struct, include_extras=True)
    ready = struct()
    return [(found.name, hints[found.name], getattr(ready, found.name)) for found in structs.fields(struct)]


def _known(kind: Any, default: Any, meaning: str | None = None) -> Known:
    return Known(kind, default, _meaning(kind) if meaning is None else meaning, _wanted(kind))


def _metas(kind: Any) -> tuple[Meta, ...]:
    return tuple(found for found in getattr(kind, "__metadata__", ()) if isinstance(found, Meta))


def _meaning(kind: Any) -> str:
    return next((meta.description for meta in _metas(kind) if meta.description), "")


def _wanted(kind: Any) -> str:
    plain = get_args(kind)[0] if _metas(kind) else kind
    least = next((meta.ge for meta in _metas(kind) if meta.ge is not None), None)
    most = next((meta.le for meta in _metas(kind) if meta.le is not None), None)
    if get_origin(plain) is Literal:
        return f"one of {', '.join(get_args(plain))}"
    if plain is bool:
        return "true or false"
    if plain is str:
        return "a text that is not empty"
    return f"a {'whole ' if plain is int else ''}number from {least} to {most}"
