"""A flow that tests copy into a project of their own, save again in other words, and break."""

from __future__ import annotations

from cerebelum import step, workflow


@step
async def charge(amount: float) -> dict[str, float]:
    return {"total": amount}


@step
async def ship(total: float) -> str:
    if total > 100:
        raise ValueError("too dear to ship")
    return f"shipped for {total:g}"


@workflow
async def order(amount: float = 500) -> str:
    charged = await charge(amount)
    return await ship(charged["total"])
