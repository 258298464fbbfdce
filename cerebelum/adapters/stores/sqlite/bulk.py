"""One statement for many rows.

Python's driver lets go of the interpreter lock for each step of a statement, so `executemany` of 500 rows asks for it
500 times; while the event loop is busy each time costs up to 5 ms, and such a commit took 2.5 s where one statement
took 27 ms. So rows go in as one `VALUES` list, padded to a few sizes that the statement cache knows, and
come out as one JSON text. Texts are bound as `str`: of anything else but numbers (bytes and None included) the driver first
asks the type for an adapter, which cost a sixteenth of a workflow of ten steps.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Final

import msgspec

_ROW_COUNTS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_MOST: Final = _ROW_COUNTS[-1]
_decode_rows: Callable[[str], list[list[Any]]] = msgspec.json.Decoder(list[list[Any]]).decode


class Bulk:
    """A statement over `{rows}`: `… FROM (VALUES {rows}) AS w WHERE w.column1 IS NOT NULL`.

    Args:
        template: the SQL; `{rows}` stands for the list. Column 1 of a padding row is NULL, and must lead to nothing.
        width: columns of a row; 512 times it must stay under SQLite's 32,766 variables.
    """

    def __init__(self, template: str, width: int) -> None:
        row = f"({', '.join('?' * width)})"
        self._sql = {count: template.format(rows=", ".join([row] * count)) for count in _ROW_COUNTS}
        # The driver asks each NULL whether it adapts itself, a microsecond each: one in a row is enough to tell it apart.
        self._padding = (None, *(0,) * (width - 1))

    def run(self, connection: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> int:
        """Run it for all `rows`; return how many rows of the database it changed."""
        before = connection.total_changes
        for begin in range(0, len(rows), _MOST):
            part = rows[begin : begin + _MOST]
            count = 1 << (len(part) - 1).bit_length()  # the next power of two
            padding = self._padding * (count - len(part))
            connection.execute(self._sql[count], [*chain.from_iterable(part), *padding])
        return connection.total_changes - before


def fetch_rows(
    connection: sqlite3.Connection, columns: str, query: str, parameters: Sequence[Any] = ()
) -> list[list[Any]]:
    """Return the rows of `SELECT columns FROM (query)` in the query's order, in one step. No BLOBs."""
    sql = f"SELECT json_group_array(json_array({columns})) FROM ({query})"
    return _decode_rows(connection.execute(sql, parameters).fetchone()[0])


def json_list(values: Sequence[Any]) -> str:
    """Return `values` for `IN (SELECT value FROM json_each(?))`."""
    return msgspec.json.encode(values).decode()
