"""Steps that fail, and are tried again, and workflows that begin anew."""

from __future__ import annotations

import asyncio

from cerebelum import Retry, info, seconds, step, workflow
from tests.flows.ledger import effect, pass_gate


@step(retry=Retry(max_attempts=4, backoff="exponential", backoff_base=2))
async def exponential() -> None:
    raise ConnectionError("exponential")


@step(retry=Retry(max_attempts=4, backoff="linear", backoff_base=1))
async def linear() -> None:
    raise ConnectionError("linear")


@step(retry=Retry(max_attempts=4, backoff="constant", backoff_base=3))
async def constant() -> None:
    raise ConnectionError("constant")


@step(retry=Retry(max_attempts=4, backoff_base=4, max_backoff=seconds(1)))
async def capped() -> None:
    raise ConnectionError("capped")


STEPS = {"exponential": exponential, "linear": linear, "constant": constant, "capped": capped}


@workflow
async def backs_off(kind: str) -> None:
    await STEPS[kind]()


@step(retry=Retry(max_attempts=3, backoff="constant", backoff_base=0.01))
async def third_time() -> int:
    effect(f"attempt {info().attempt}")
    if info().attempt < 3:
        raise ConnectionError(f"attempt {info().attempt}")
    return info().attempt


@workflow
async def lucky() -> int:
    return int(await third_time())


@step(retry=Retry(max_attempts=2, backoff="constant", backoff_base=0.4))
async def once_more() -> int:
    effect(f"attempt {info().attempt}")
    if info().attempt == 1:
        raise ConnectionError("once")
    return info().attempt


@workflow
async def retried_later() -> int:
    return int(await once_more())


@step(timeout=seconds(0.05), retry=Retry(max_attempts=2, backoff="constant", backoff_base=0.01))
async def too_slow() -> None:
    effect("too slow")
    await asyncio.sleep(3600)


@workflow
async def timed_out() -> None:
    await too_slow()


@step(retry=Retry(max_attempts=5, backoff_base=0.01, backoff="constant", never=ValueError))
async def hopeless() -> None:
    effect("hopeless")
    raise ValueError("no use")


@workflow
async def not_retried() -> None:
    await hopeless()


@step
async def prepare(text: str) -> str:
    effect(f"prepare {text}")
    return text


@step
async def breaks() -> None:
    effect("breaks")
    raise RuntimeError("always")


@workflow(max_retries=3)
async def begins_anew() -> None:
    await prepare("one")
    await asyncio.gather(prepare("two"), prepare("three"))
    await breaks()


@step
async def breaks_in_first_run() -> int:
    if info().run == 1:
        raise RuntimeError("first run")
    return info().run


@workflow(max_retries=1)
async def recovers() -> list[str]:
    prepared = await prepare("one")
    await asyncio.sleep(0.01)
    return [prepared, str(await breaks_in_first_run())]


@workflow(timeout=seconds(0.1))
async def waits_too_long() -> None:
    await asyncio.sleep(3600)


@workflow(timeout=seconds(4))
async def waits_somewhat_too_long() -> None:
    await asyncio.sleep(3600)


@step
async def stands() -> str:
    await pass_gate()
    return "passed"


@workflow
async def stands_at_gate() -> str:
    return await stands()
