"""Book a trip: all of it, or nothing. README.md has the commands to type."""

from dataclasses import dataclass

from cerebelum import Retry, info, saga, step, workflow

WHILE_UNREACHABLE = Retry(max_attempts=3, backoff="constant", backoff_base=0.5, on=ConnectionError)


class CardDeclinedError(Exception):
    """The bank said no. Asking again would not help."""


@dataclass
class Trip:
    """What the traveller gets."""

    flight: str
    room: str
    payment: str


@step
def book_flight(city: str) -> str:
    """Return the reference of a flight that is booked now."""
    return f"flight to {city}"


@step
def cancel_flight(flight: str) -> None:
    """Undo `book_flight`."""
    print(f"cancelled: {flight}")


@step(retry=WHILE_UNREACHABLE)
def book_room(city: str, nights: int) -> str:
    """Return the reference of a room. The hotel is unreachable at the first attempt, always: see the retry."""
    if info().attempt == 1:
        raise ConnectionError("the hotel does not answer")
    return f"{nights} nights in {city}"


@step
def cancel_room(room: str) -> None:
    """Undo `book_room`."""
    print(f"cancelled: {room}")


@step(retry=WHILE_UNREACHABLE)
def charge(card: str, amount: float) -> str:
    """Take the money. After a crash this may be asked twice: the key makes the bank count it once."""
    if card == "expired":
        raise CardDeclinedError(f"the card is expired; {amount:g} not charged")
    return f"payment {info().idempotency_key}"


@workflow
async def book_trip(city: str = "Lisbon", nights: int = 3, card: str = "valid") -> Trip:
    """Book a flight and a room, and pay. If anything fails, what was booked is cancelled, the newest first."""
    async with saga() as undo:
        flight = await book_flight(city)
        undo.add(cancel_flight, flight)
        room = await book_room(city, nights)
        undo.add(cancel_room, room)
        payment = await charge(card, 100 + 80 * nights)
    return Trip(flight, room, payment)
