"""Flows that undo what they did."""

from __future__ import annotations

import asyncio
from typing import Any

from cerebelum import Retry, error, info, saga, seconds, step, workflow
from tests.flows.ledger import effect, pass_gate


@step
async def cancel_flight(booking: dict[str, Any]) -> None:
    effect(f"cancel flight {booking['id']}")


@step
async def cancel_hotel(booking: dict[str, Any]) -> None:
    effect(f"cancel hotel {booking['id']}")


@step(compensate=cancel_flight)
async def book_flight() -> dict[str, Any]:
    effect("book flight")
    return {"id": 17}


@step(compensate=cancel_hotel)
async def book_hotel() -> dict[str, Any]:
    effect("book hotel")
    return {"id": 4}


@step
async def look_around() -> str:
    return "nothing to undo"


@step(compensate=cancel_hotel, retry=Retry(max_attempts=2, backoff="constant", backoff_base=0.01))
async def charge() -> Any:
    effect("charge")
    return error("card declined")


@workflow
async def trip() -> None:
    await book_flight()
    await look_around()
    await book_hotel()
    await charge()


@workflow
async def trip_by_hand() -> None:
    async with saga() as undo:
        undo.add(cancel_flight, await book("flight"))
        undo.add(cancel_hotel, await book("hotel"))
        await charge()


@step
async def book(what: str) -> dict[str, Any]:
    effect(f"book {what}")
    return {"id": len(what)}


@workflow
async def half_a_trip() -> None:
    await book_flight()
    await charge()
    await book_hotel()


@workflow
async def caught() -> str:
    try:
        async with saga():
            await book_flight()
            await charge()
    except Exception as failure:
        return f"went on after: {failure}"
    return "charged"


@workflow
async def undone_badly() -> None:
    async with saga() as undo:
        undo.add(cancel_flight, await book("flight"))
        undo.add(cannot_undo)
        undo.add(cancel_hotel, await book("hotel"))
        await charge()


@step
async def cannot_undo() -> None:
    effect("cannot undo")
    raise RuntimeError("stuck")


@step
async def undo_at_gate(booking: dict[str, Any]) -> None:
    if info().attempt == 1:
        await pass_gate("undo")
    effect("undone at gate")


@workflow
async def dies_while_undoing() -> None:
    async with saga() as undo:
        undo.add(undo_at_gate, await book("flight"))
        undo.add(cancel_hotel, await book("hotel"))
        await charge()


@workflow(timeout=seconds(0.2))
async def too_long_a_trip() -> None:
    await book_flight()
    await book_hotel()
    await asyncio.sleep(3600)


@workflow
async def cancelled_trip() -> None:
    await book_flight()
    await asyncio.sleep(3600)


@workflow
async def parallel_trip() -> None:
    async with saga():
        await asyncio.gather(book_flight(), book_hotel())
        await charge()
