"""A first durable workflow: two steps, and a pause between them. README.md has the commands to type."""

import asyncio

from cerebelum import step, workflow


@step
def count_words(text: str) -> int:
    """A step may touch the world. Its result is recorded: once it has completed, it does not run again."""
    print(f"counting the words of {text!r}")  # kept with the execution: cerebelum logs @last
    return len(text.split())


@step
def count_letters(text: str) -> int:
    """A step is a plain function, or a coroutine; test it without an engine."""
    return sum(character.isalpha() for character in text)


@workflow
async def basic(text: str = "plain Python is durable", pause_s: float = 1) -> str:
    """Decide what is done, and in which order. After a crash it goes on from the last step that completed."""
    words = await count_words(text)
    await asyncio.sleep(pause_s)  # a durable timer: it ends when it is due, whatever happens to the process
    letters = await count_letters(text)
    return f"{words} words, {letters} letters"
