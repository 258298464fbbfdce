"""Extract orders from CSV files, transform them, load them into SQLite. README.md has the commands to type."""

import csv
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from cerebelum import Retry, map_steps, step, workflow

AGAIN = Retry(max_attempts=3, backoff="constant", backoff_base=0.5)


@dataclass
class Order:
    """A line of a file, checked."""

    id: str
    country: str
    cents: int


@dataclass
class Loaded:
    """What came of one file."""

    path: str
    orders: int
    rejected: list[str]  # why, with the number of the line


@dataclass
class Report:
    """What `cerebelum run` prints in the end."""

    orders: int
    rejected: dict[str, list[str]]  # by file
    cents_by_country: dict[str, int]


# -- steps: they touch files and the database, and what they return is recorded ----------------------------------------


@step
def find_files(folder: str) -> list[str]:
    """Return the CSV files of a folder, in order."""
    return sorted(path.as_posix() for path in Path(folder).glob("*.csv"))


@step(retry=AGAIN)
def extract(path: str) -> list[dict[str, str]]:
    """Return the lines of a file. Of files with many thousands, write a cleaned copy and return its path instead."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@step(retry=AGAIN, queue="database")
def load(database: str, orders: list[Order]) -> int:
    """Write orders, and return their number. To write them twice, after a crash, changes nothing."""
    rows = [(order.id, order.country, order.cents) for order in orders]
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, country TEXT, cents INTEGER)")
        connection.executemany("INSERT OR REPLACE INTO orders VALUES (?, ?, ?)", rows)
    return len(rows)


@step
def sum_up(database: str) -> dict[str, int]:
    """Return the cents of each country."""
    with closing(sqlite3.connect(database)) as connection:
        return dict(connection.execute("SELECT country, SUM(cents) FROM orders GROUP BY country ORDER BY country"))


# -- a plain function: it has no effects, so the workflow calls it as it is --------------------------------------------


def transform(lines: list[dict[str, str]]) -> tuple[list[Order], list[str]]:
    """Return the lines that are orders, and what is wrong with the others."""
    orders, rejected = [], []
    for number, line in enumerate(lines, start=2):  # the first line has the names of the columns
        try:
            cents = int(Decimal(line["amount"]) * 100)
            orders.append(Order(line["id"], line["country"].upper(), cents))
        except InvalidOperation:
            rejected.append(f"line {number}: {line['amount']!r} is no amount")
    return orders, rejected


# -- the workflow ------------------------------------------------------------------------------------------------------


@workflow
async def etl(folder: str = "orders", database: str = "orders.db") -> Report:
    """Take in every file of the folder, four at a time. A bad line is reported, and stops nothing."""

    async def take_in(path: str) -> Loaded:
        orders, rejected = transform(await extract(path))
        return Loaded(path, await load(database, orders), rejected)

    files = await map_steps(take_in, await find_files(folder), concurrency=4)
    return Report(
        orders=sum(file.orders for file in files),
        rejected={file.path: file.rejected for file in files if file.rejected},
        cents_by_country=await sum_up(database) if files else {},
    )
