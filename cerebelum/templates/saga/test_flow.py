"""`blocking_engine` comes with cerebelum: it keeps everything in memory, and waiting takes no time."""

from flow import book_flight, book_room, book_trip, charge


def cancelled(execution):
    """Return the names of the steps that undid something, in order."""
    return [step.name for step in execution.steps if step.name.startswith("cancel_")]


def test_a_trip_is_booked(blocking_engine):
    """Flight, room and payment, and nothing is undone."""
    execution = blocking_engine.assert_completed(blocking_engine.start(book_trip, "Rome", nights=2))
    assert execution.result.room == "2 nights in Rome"
    assert cancelled(execution) == []


def test_the_hotel_is_asked_again(blocking_engine):
    """One failed attempt is survived."""
    execution = blocking_engine.assert_completed(blocking_engine.start(book_trip))
    assert blocking_engine.find_step(execution, "book_room").attempt == 2


def test_a_declined_card_undoes_everything_newest_first(blocking_engine):
    """Nobody keeps a flight or a room that was not paid."""
    execution = blocking_engine.assert_failed(blocking_engine.start(book_trip, card="expired"), match="CardDeclined")
    assert cancelled(execution) == ["cancel_room", "cancel_flight"]


def test_a_hotel_that_never_answers_undoes_the_flight(blocking_engine):
    """Only what was done is undone."""
    blocking_engine.fail_step(book_room, error=ConnectionError("no answer"))
    execution = blocking_engine.assert_failed(blocking_engine.start(book_trip))
    assert cancelled(execution) == ["cancel_flight"]


def test_a_crash_while_paying_books_nothing_twice(blocking_engine):
    """What completed before the crash is not done again."""
    with blocking_engine.replace_step(book_flight, lambda city: "flight 7") as flights:
        blocking_engine.fail_step(charge, times=1, error=ConnectionError("no answer"))
        handle = blocking_engine.start(book_trip)
        blocking_engine.settle()
        blocking_engine.crash()
        assert blocking_engine.assert_completed(handle).result.flight == "flight 7"
        assert flights.count == 1
