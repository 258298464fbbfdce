"""`blocking_engine` comes with cerebelum: it keeps everything in memory, and days pass at once."""

from flow import basic, count_words


def test_a_step_is_a_function():
    """Outside a workflow, a step is the function under its decorator."""
    assert count_words("to be or not to be") == 6


def test_it_counts_after_the_pause(blocking_engine):
    """A pause of a day is a day on the workflow's clock, and no time in the test."""
    began = blocking_engine.now
    assert blocking_engine.run(basic, "one two", pause_s=86_400) == "2 words, 6 letters"
    assert (blocking_engine.now - began).days == 1


def test_it_goes_on_after_a_crash(blocking_engine):
    """A step that completed before the crash does not run again."""
    with blocking_engine.replace_step(count_words, lambda text: 7) as counted:
        handle = blocking_engine.start(basic, "one two", pause_s=60)
        blocking_engine.settle()  # until it waits
        blocking_engine.crash()
        assert blocking_engine.assert_completed(handle).result == "7 words, 6 letters"
        assert counted.count == 1
