"""When a schedule fires: by a cron expression, every so often, or once.

A rule holds what was written, nothing read from it, so that it can be kept as JSON and means, after an update of the zone
data, what the new data say.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo

from msgspec import Struct

from cerebelum.engine.domain.durations import US_PER_S
from cerebelum.engine.domain.errors_schedule import InvalidSchedule
from cerebelum.engine.domain.schedules.cron_expression import CronExpression, parse_cron
from cerebelum.engine.domain.schedules.cron_fires import count_fires, last_fire_s, next_fire_s
from cerebelum.engine.domain.schedules.zones import FIRST_YEAR, LAST_YEAR, year_start_s, zone_named

LAST_US = year_start_s(LAST_YEAR + 1) * US_PER_S - 1  # nothing fires later
FIRST_US = year_start_s(FIRST_YEAR) * US_PER_S


class Cron(Struct, frozen=True, tag="cron", tag_field="kind"):
    """Fires by a cron expression on the wall clock of a zone, within the years 1900 to 9998."""

    expression: str
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        parse_cron(self.expression)
        _ = self.zone

    @property
    def parsed(self) -> CronExpression:
        """The expression, read."""
        return parse_cron(self.expression)

    @property
    def zone(self) -> tzinfo:
        """The zone, with the data that are read by now.

        Raises:
            InvalidSchedule: no zone has this name.
        """
        try:
            return zone_named(self.timezone)
        except ValueError as fault:
            raise InvalidSchedule(f"the schedule {self.expression!r}", [f"timezone: {fault}"]) from None

    def next_after_us(self, after_us: int) -> int | None:
        """Return the first fire later than `after_us`; None: there is none."""
        fire_s = next_fire_s(self.parsed, self.zone, max(after_us, FIRST_US - 1) // US_PER_S)
        return None if fire_s is None else fire_s * US_PER_S

    def last_until_us(self, until_us: int, *, after_us: int) -> int | None:
        """Return the last fire not later than `until_us` and later than `after_us`; None: there is none."""
        after_s, until_s = max(after_us, FIRST_US - 1) // US_PER_S, min(until_us, LAST_US) // US_PER_S
        fire_s = last_fire_s(self.parsed, self.zone, after_s, until_s)
        return None if fire_s is None else fire_s * US_PER_S

    def count(self, after_us: int, until_us: int) -> int:
        """Return how many fires are later than `after_us` and not later than `until_us`, without a step for each."""
        after_s, until_s = max(after_us, FIRST_US - 1) // US_PER_S, min(until_us, LAST_US) // US_PER_S
        return count_fires(self.parsed, self.zone, after_s, until_s)


class Every(Struct, frozen=True, tag="every", tag_field="kind"):
    """Fires at the anchor and then every `every_us`, by elapsed time: clocks that change do not move it.

    The anchor is fixed, so neither a restart nor a late fire shifts what follows.
    """

    every_us: int
    anchor_us: int = 0

    def next_after_us(self, after_us: int) -> int | None:
        """Return the first fire later than `after_us`; None: there is none."""
        fire_us = self.anchor_us + max(0, (after_us - self.anchor_us) // self.every_us + 1) * self.every_us
        return fire_us if fire_us <= LAST_US else None

    def last_until_us(self, until_us: int, *, after_us: int) -> int | None:
        """Return the last fire not later than `until_us` and later than `after_us`; None: there is none."""
        fire_us = min(until_us, LAST_US) - (min(until_us, LAST_US) - self.anchor_us) % self.every_us
        return fire_us if fire_us >= self.anchor_us and fire_us > after_us else None

    def count(self, after_us: int, until_us: int) -> int:
        """Return how many fires are later than `after_us` and not later than `until_us`."""
        return max(0, self._count_until(min(until_us, LAST_US)) - self._count_until(after_us))

    def _count_until(self, until_us: int) -> int:
        return max(0, (until_us - self.anchor_us) // self.every_us + 1)


class At(Struct, frozen=True, tag="at", tag_field="kind"):
    """Fires once."""

    at_us: int

    def next_after_us(self, after_us: int) -> int | None:
        """Return the fire if it is later than `after_us`."""
        return self.at_us if self.at_us > after_us else None

    def last_until_us(self, until_us: int, *, after_us: int) -> int | None:
        """Return the fire if it is not later than `until_us` and later than `after_us`."""
        return self.at_us if after_us < self.at_us <= until_us else None

    def count(self, after_us: int, until_us: int) -> int:
        """Return 1 if the fire is later than `after_us` and not later than `until_us`, else 0."""
        return int(after_us < self.at_us <= until_us)


Rule = Cron | Every | At


def fires_between(rule: Rule, from_us: int, until_us: int) -> Iterator[int]:
    """Yield the fires from `from_us`, which belongs to the range, until `until_us`, which does not; one at a time."""
    fire_us = rule.next_after_us(from_us - 1)
    while fire_us is not None and fire_us < until_us:
        yield fire_us
        fire_us = rule.next_after_us(fire_us)
