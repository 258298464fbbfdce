"""One field of a cron expression: `*`, numbers, names, lists, ranges and steps.

A fault names the field, the value and what it may be; nothing is raised here, so that all faults of an expression are told
at once.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MOST_DIGITS = 9  # more are no number of anything here


class Field(Struct, frozen=True):
    """What a field is called, and which numbers and names it takes."""

    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()  # of `least`, `least` + 1 …

    @property
    def allowed(self) -> str:
        """What stands in a fault: the range and, where there are names, the first and the last."""
        names = f" or {self.names[0]}-{self.names[-1]}" if self.names else ""
        return f"{self.least}-{self.most}{names}"


MINUTE = Field("minute", 0, 59)
HOUR = Field("hour", 0, 23)
DAY = Field("day of month", 1, 31)
MONTH = Field("month", 1, 12, _MONTH_NAMES)
WEEKDAY = Field("day of week", 0, 7, _WEEKDAY_NAMES)  # Sunday is 0 and 7
FIELDS = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)


class FieldValues(Struct, frozen=True):
    """What a field allows."""

    values: frozenset[int]
    star: bool  # it begins with `*`, so it restricts nothing in Vixie's rule for the two fields of days
    last_day: bool  # `L` is in the list of days: the last of the month


def read_field(field: Field, text: str, faults: list[str]) -> FieldValues:
    """Return what `text` allows; add what cannot be read to `faults`."""
    values: set[int] = set()
    last_day = False
    for item in text.split(","):
        if field is DAY and item.upper() == "L":
            last_day = True
        else:
            values.update(_item_values(field, item, text, faults))
    if field is WEEKDAY:
        values = {value % 7 for value in values}
    return FieldValues(frozenset(values), star=text.startswith("*"), last_day=last_day)


def _item_values(field: Field, item: str, text: str, faults: list[str]) -> Iterable[int]:
    base, slash, step_text = item.partition("/")
    step = _step(field, step_text, faults) if slash else 1
    if base == "*":
        return range(field.least, (6 if field is WEEKDAY else field.most) + 1, step)
    first_text, dash, last_text = base.partition("-")
    first = _value(field, first_text, text, faults)
    if first is None:
        return ()
    if not dash:
        return range(first, field.most + 1, step) if slash else (first,)
    last = _value(field, last_text, text, faults)
    if last is None:
        return ()
    if field is WEEKDAY and last == 0 < first:
        last = 7  # fri-sun
    if field is WEEKDAY and first == 7 > last:
        first = 0  # 7-2
    if first > last:
        end = 6 if field is WEEKDAY else field.most
        faults.append(f"{field.name}: {base!r} runs backwards; write {first}-{end},{field.least}-{last}")
        return ()
    return range(first, last + 1, step)


def _step(field: Field, text: str, faults: list[str]) -> int:
    step = _number(text)
    if step is not None and 1 <= step <= field.most:
        return step
    beyond = " (for longer intervals than a field can hold, use every(…))" if step is not None and step > 0 else ""
    faults.append(f"{field.name}: a step must be 1-{field.most}, not {text!r}{beyond}")
    return 1


def _value(field: Field, word: str, text: str, faults: list[str]) -> int | None:
    number = field.least + field.names.index(word.lower()) if word.lower() in field.names else _number(word)
    if number is not None and field.least <= number <= field.most:
        return number
    inside = f" in {text!r}" if word != text else ""
    if word == "?":
        faults.append(f"{field.name}: '?' is of another dialect of cron; write * for any")
    elif not word:
        faults.append(f"{field.name}: a value is missing{inside or ' in an empty text'}; allowed: {field.allowed}")
    else:
        faults.append(f"{field.name}: {word!r}{inside} is not in {field.allowed}")
    return None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None
