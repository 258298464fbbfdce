"""`blocking_engine` comes with cerebelum: it keeps everything in memory, and a day passes at once."""

from flow import Reply, ask_model, assist, refund


def test_a_question_is_answered_with_a_tool(blocking_engine):
    """The model looks the order up, then answers."""
    execution = blocking_engine.assert_completed(blocking_engine.start(assist, "Where is order 1042?"))
    assert "shipped yesterday" in execution.result.text
    assert [step.name for step in execution.steps] == ["ask_model", "look_up_order", "ask_model"]


def test_a_refund_waits_for_a_person(blocking_engine):
    """It is paid after the approval, once."""
    with blocking_engine.replace_step(refund, lambda order_id, amount: f"{amount:g} refunded") as refunds:
        handle = blocking_engine.start(assist, "Please refund order 1043")
        blocking_engine.settle()
        assert refunds.count == 0
        blocking_engine.at(hours=3).answer(handle, "approval", {"verdict": "approve"})
        assert "450 refunded" in handle.result().text
        assert refunds.count == 1


def test_without_an_answer_nothing_is_refunded(blocking_engine):
    """After a day the model is told no."""
    with blocking_engine.replace_step(refund, lambda order_id, amount: "refunded") as refunds:
        assert "no answer" in blocking_engine.run(assist, "Please refund order 1043").text
        assert refunds.count == 0


def test_a_budget_ends_it(blocking_engine):
    """No further call is made once the tokens are used up."""
    answer = blocking_engine.run(assist, "Where is order 1042?", budget=50)
    assert answer.status == "out of budget"


def test_an_answer_that_was_cut_off_says_so(blocking_engine):
    """Half an answer is no answer."""
    half = Reply([{"type": "text", "text": "Your lamp is"}], "max_tokens", 40)
    with blocking_engine.replace_step(ask_model, lambda messages, max_tokens: half):
        assert blocking_engine.run(assist, "Where is order 1042?").status == "cut off"


def test_a_failed_tool_is_told_to_the_model(blocking_engine):
    """An unknown order is an answer like any other."""
    assert "there is no order 9999" in blocking_engine.run(assist, "Where is order 9999?").text


def test_a_tool_that_does_not_exist_is_told_to_the_model(blocking_engine):
    """Models make up names, and arguments."""
    made_up = [{"type": "tool_use", "id": "1", "name": "teleport", "input": {"to": "Mars"}}]
    wrong = [{"type": "tool_use", "id": "2", "name": "look_up_order", "input": {"number": 1042}}]
    replies = [Reply(made_up, "tool_use", 10), Reply(wrong, "tool_use", 10), Reply([], "end_turn", 10)]
    heard = []

    def answer(messages, max_tokens):
        heard.append(str(messages[-1]["content"]))
        return replies[len(heard) - 1]

    with blocking_engine.replace_step(ask_model, answer):
        assert blocking_engine.run(assist, "Beam me up").tokens == 30
    assert "there is no tool 'teleport'" in heard[1]
    assert "ArgumentError" in heard[2]


def test_a_crash_pays_for_no_reply_twice(blocking_engine):
    """While it waits for a person the process dies: what the model said is not asked for again."""
    handle = blocking_engine.start(assist, "Please refund order 1043")
    blocking_engine.settle()
    asked = len(handle.execution().steps)
    blocking_engine.crash()
    handle.provide_input("approval", {"verdict": "approve"})
    execution = blocking_engine.assert_completed(handle)
    assert [step.attempt for step in execution.steps[:asked]] == [1] * asked
    assert [step.name for step in execution.steps[asked:]] == ["refund", "ask_model"]
