"""`blocking_engine` comes with cerebelum: it keeps everything in memory. The steps are real, and write to a new folder."""

import pytest

from flow import Order, etl, extract, load, transform


@pytest.fixture
def work(tmp_path):
    """Return the arguments of the workflow: a folder with two files, and where the database is to be."""
    folder = tmp_path / "orders"
    folder.mkdir()
    (folder / "a.csv").write_text("id,country,amount\n1,ch,1.50\n2,us,nothing\n")
    (folder / "b.csv").write_text("id,country,amount\n3,ch,2\n")
    return {"folder": str(folder), "database": str(tmp_path / "orders.db")}


def test_transform_keeps_what_is_an_order():
    """Amounts become cents, and a bad line says where it is."""
    lines = [{"id": "1", "country": "ch", "amount": "1.50"}, {"id": "2", "country": "us", "amount": "x"}]
    assert transform(lines) == ([Order("1", "CH", 150)], ["line 3: 'x' is no amount"])


def test_all_files_are_taken_in(blocking_engine, work):
    """The report counts the orders, names the bad line, and sums up what is in the database."""
    report = blocking_engine.run(etl, **work)
    assert report.orders == 2
    assert list(report.rejected.values()) == [["line 3: 'nothing' is no amount"]]
    assert report.cents_by_country == {"CH": 350}


def test_to_run_it_twice_changes_nothing(blocking_engine, work):
    """An order is kept once, by its id."""
    first = blocking_engine.run(etl, **work)
    assert blocking_engine.run(etl, **work) == first


def test_a_file_that_cannot_be_read_is_tried_again(blocking_engine, work):
    """Two failures are survived."""
    blocking_engine.fail_step(extract, times=2, error=OSError("the disk is busy"))
    assert blocking_engine.run(etl, **work).orders == 2


def test_a_crash_in_the_middle_loses_nothing(blocking_engine, work):
    """What was extracted before the crash is loaded after it."""
    blocking_engine.fail_step(load, times=1, error=OSError("locked"))
    handle = blocking_engine.start(etl, **work)
    blocking_engine.settle()
    blocking_engine.crash()
    assert blocking_engine.assert_completed(handle).result.orders == 2


def test_an_empty_folder_is_no_error(blocking_engine, tmp_path):
    """There is nothing to report then."""
    report = blocking_engine.run(etl, folder=str(tmp_path), database=str(tmp_path / "orders.db"))
    assert (report.orders, report.cents_by_country) == (0, {})
