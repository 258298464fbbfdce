# mypy: ignore-errors
"""The workflows of `tests.flows.sagas` as plain `def`. Made by `tests.flows.plain_form`; change them there.

Not type-checked: a step's call has the type of the awaitable that it is in an `async def`.
"""

from __future__ import annotations
import asyncio
from typing import Any
from cerebelum import Retry, error, info, saga, seconds, step, workflow
from tests.flows.ledger import effect, pass_gate
import time
from functools import partial
from cerebelum import together
from tests.flows.sagas import (
    cancel_flight,
    cancel_hotel,
    book_flight,
    book_hotel,
    look_around,
    charge,
    book,
    cannot_undo,
    undo_at_gate,
)


@workflow
def trip() -> None:
    book_flight()
    look_around()
    book_hotel()
    charge()


@workflow
def trip_by_hand() -> None:
    with saga() as undo:
        undo.add(cancel_flight, book("flight"))
        undo.add(cancel_hotel, book("hotel"))
        charge()


@workflow
def half_a_trip() -> None:
    book_flight()
    charge()
    book_hotel()


@workflow
def caught() -> str:
    try:
        with saga():
            book_flight()
            charge()
    except Exception as failure:
        return f"went on after: {failure}"
    return "charged"


@workflow
def undone_badly() -> None:
    with saga() as undo:
        undo.add(cancel_flight, book("flight"))
        undo.add(cannot_undo)
        undo.add(cancel_hotel, book("hotel"))
        charge()


@workflow
def dies_while_undoing() -> None:
    with saga() as undo:
        undo.add(undo_at_gate, book("flight"))
        undo.add(cancel_hotel, book("hotel"))
        charge()


@workflow(timeout=seconds(0.2))
def too_long_a_trip() -> None:
    book_flight()
    book_hotel()
    time.sleep(3600)


@workflow
def cancelled_trip() -> None:
    book_flight()
    time.sleep(3600)


@workflow
def parallel_trip() -> None:
    with saga():
        together(partial(book_flight), partial(book_hotel))
        charge()
