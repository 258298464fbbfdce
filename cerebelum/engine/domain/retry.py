"""Retry policies: how often a step is tried, and how long to wait between tries."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Literal, get_args

from msgspec import Struct

from cerebelum.engine.domain.durations import US_PER_S, Duration, duration_us
from cerebelum.engine.domain.errors import DefinitionError

Backoff = Literal["exponential", "linear", "constant"]


class Retry(Struct, frozen=True, kw_only=True):
    """Try a step again when it fails.

    Attributes:
        max_attempts: all tries, the first included; >= 1.
        backoff: "exponential" waits base ** attempt seconds (2, 4, 8 … with base 2), "linear" attempt * base,
            "constant" base. The attempt is the one that failed, counted from 1.
        backoff_base: seconds; > 0.
        max_backoff: no wait is longer; a timedelta or seconds.
        jitter: 0 to 1: the share of the wait that is drawn at random, so that steps which failed together
            do not come back together. 0 waits exactly.
        on: retry only these exceptions (names or classes); empty: all.
        never: never retry these, also when `on` holds them.
    """

    max_attempts: int = 3
    backoff: Backoff = "exponential"
    backoff_base: float = 2
    max_backoff: Duration = 3600
    jitter: float = 0.0
    on: tuple[type[BaseException] | str, ...] | type[BaseException] | str = ()
    never: tuple[type[BaseException] | str, ...] | type[BaseException] | str = ()

    def __post_init__(self) -> None:
        if type(self.max_attempts) is not int or self.max_attempts < 1:
            raise DefinitionError(f"Retry(max_attempts={self.max_attempts!r}): must be a whole number, 1 or more")
        if self.backoff not in get_args(Backoff):
            raise DefinitionError(f"Retry(backoff={self.backoff!r}): must be one of {', '.join(get_args(Backoff))}")
        if not self.backoff_base > 0:
            raise DefinitionError(f"Retry(backoff_base={self.backoff_base!r}): must be more than 0 seconds")
        if not 0 <= self.jitter <= 1:
            raise DefinitionError(f"Retry(jitter={self.jitter!r}): must lie between 0 and 1")
        duration_us(self.max_backoff, what="Retry(max_backoff=…)")

    def delay_us(self, failed_attempt: int, rng: random.Random | None = None) -> int:
        """Return the wait after `failed_attempt` (1 for the first try), in microseconds."""
        cap_s = duration_us(self.max_backoff, what="max_backoff") / US_PER_S
        if self.backoff == "exponential":
            try:
                wait_s = min(cap_s, float(self.backoff_base) ** failed_attempt)
            except OverflowError:
                wait_s = cap_s
        elif self.backoff == "linear":
            wait_s = min(cap_s, failed_attempt * self.backoff_base)
        else:
            wait_s = min(cap_s, self.backoff_base)
        if self.jitter and rng is not None:
            wait_s -= wait_s * self.jitter * rng.random()
        return int(wait_s * US_PER_S)

    def retries(self, error: BaseException, failed_attempt: int) -> bool:
        """Return whether another attempt follows after `error` in attempt `failed_attempt`."""
        if failed_attempt >= self.max_attempts or _matches(error, self.never):
            return False
        return not _as_tuple(self.on) or _matches(error, self.on)


NO_RETRY = Retry(max_attempts=1)


def _as_tuple(
    kinds: tuple[type[BaseException] | str, ...] | type[BaseException] | str,
) -> Iterable[type[BaseException] | str]:
    return kinds if isinstance(kinds, tuple) else (kinds,)


def _matches(error: BaseException, kinds: tuple[type[BaseException] | str, ...] | type[BaseException] | str) -> bool:
    for kind in _as_tuple(kinds):
        if isinstance(kind, str):
            if any(kind in (base.__name__, f"{base.__module__}.{base.__qualname__}") for base in type(error).__mro__):
                return True
        elif isinstance(error, kind):
            return True
    return False
