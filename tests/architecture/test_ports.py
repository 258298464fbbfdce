"""The ports: what the engine needs of the world, and that each adapter has all of it."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from cerebelum.adapters.codecs.json_codec import JsonCodec
from cerebelum.adapters.stores.memory import MemoryStore
from cerebelum.adapters.stores.postgres.store import PostgresStore
from cerebelum.adapters.stores.sqlite.store import SqliteStore
from cerebelum.engine.ports.clock import Clock, RandomProvider, TimeProvider
from cerebelum.engine.ports.codec import PayloadCodec, PayloadTransform
from cerebelum.engine.ports.schedule_store import ScheduleStore
from cerebelum.engine.ports.store import Store

PORTS = (Store, ScheduleStore, PayloadCodec, PayloadTransform, Clock, TimeProvider, RandomProvider)
WORKFLOWS = ("register", "get_code", "list_workflows", "delete_workflow")
EXECUTIONS = ("commit", "get_execution", "list_executions", "rebuild", "delete_execution")


def asked_of(port: type[Any]) -> set[str]:
    """Return the methods that a port names."""
    return {name for name, value in vars(port).items() if inspect.isfunction(value) and not name.startswith("_")}


def test_there_are_seven_ports_and_each_is_a_protocol() -> None:
    """V4: store (events, executions, workflows, memoized results, and its part for schedules), codec, transform, clock, time, randomness."""
    assert [port.__name__ for port in PORTS if not getattr(port, "_is_protocol", False)] == []


def test_the_store_keeps_workflows_and_executions() -> None:
    """V5: create, get, update, list and delete for both; the contract suite says what each must do."""
    assert set(WORKFLOWS + EXECUTIONS) <= asked_of(Store)


@pytest.mark.parametrize("adapter", [MemoryStore, SqliteStore, PostgresStore], ids=lambda adapter: adapter.__name__)
def test_every_store_has_every_method_of_the_port(adapter: type[Any]) -> None:
    """V5, V8: an adapter lacks nothing, and takes and gives the port's own structs."""
    asked = asked_of(Store) | asked_of(ScheduleStore)
    assert {name for name in asked if not callable(getattr(adapter, name, None))} == set()


def test_the_codec_has_every_method_of_the_port() -> None:
    """V4: the JSON codec lacks nothing."""
    assert {name for name in asked_of(PayloadCodec) if not callable(getattr(JsonCodec, name, None))} == set()
