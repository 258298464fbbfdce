# Naive times are what is tested here.
# ruff: noqa: DTZ005, DTZ011, T201
"""A workflow that asks for local time, and two processes that may stand in different zones: `begin URL`, `end URL`."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import date, datetime

from cerebelum import step, wait_for_signal, workflow
from cerebelum.engine.application.replay import replay_execution
from tests.engine.world import PATIENCE_S, World


@step
async def note(texts: list[str]) -> list[str]:
    return texts


def local_time() -> list[str]:
    now = datetime.now()
    return [
        now.isoformat(),
        date.today().isoformat(),
        time.strftime("%Y-%m-%dT%H:%M"),
        time.ctime(),
        str(now.timestamp() == time.time()),
        now.astimezone().isoformat(),
        str(time.mktime(time.localtime())),
        datetime.fromtimestamp(0).isoformat(),  # noqa: DTZ006
    ]


@workflow
async def zoned() -> list[str]:
    before = await note(local_time())
    await wait_for_signal("go")
    return before


async def main(what: str, url: str) -> None:
    """Run one half of an execution."""
    world = await World.open(url)
    if what == "begin":
        handle = await world.client.start(zoned, id="zoned")
        await world.until(handle, lambda view: view.row.current_step == "signal go")
        print(datetime.fromtimestamp(0).isoformat())  # noqa: DTZ006 - the process's own zone
    else:
        await world.client.register(zoned)
        handle = world.client.handle("zoned")
        await handle.signal("go")
        print("\n".join(await handle.result(PATIENCE_S)))
        replay = await replay_execution(world.engine, "zoned", definition=zoned, frames=False)
        print((await replay.check()).outcome)
    await world.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
