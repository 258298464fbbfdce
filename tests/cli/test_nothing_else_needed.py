"""A fresh folder, SQLite, and nothing else: what a run did can be seen in every way."""

from __future__ import annotations

import json

from tests.cli.cli_project import Project


def test_a_fresh_install_shows_what_runs(project: Project) -> None:
    """V14: status, history, logs, figures and the live graph, each by one command, with no other service."""
    project("run", "flow.py:good", "--id", "done")
    project("run", "flow.py:waits", "--id", "open", "--timeout", "0.3")
    assert {row["id"]: row["status"] for row in project.json("list")} == {"done": "completed", "open": "waiting"}
    events = [event["type"] for event in project.json("events", "done")]
    assert (events[0], events[-1]) == ("execution_started", "execution_completed")
    assert project.json("logs", "done")
    nodes = {
        node["id"]: node.get("execution_state", {})
        for node in json.loads(project("graph", "open", "--json").stdout)["nodes"]
    }
    assert nodes["signal_go"]["status"] == "waiting"
    figures = project("graph", "flow.py:good", "--stats", "--ascii").stdout
    assert "p95" in figures
    assert sorted(path.name for path in project.folder.glob("*")) == [".cerebelum", "flow.py"]
