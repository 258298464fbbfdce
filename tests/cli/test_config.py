"""Settings: which ones count, where each came from, and what is refused."""

from __future__ import annotations

import json

import pytest

from cerebelum_cli.errors import UsageProblem
from cerebelum_cli.setting_errors import SettingRefused, UnknownSetting
from cerebelum_cli.setting_layers import Settled, settle
from cerebelum_cli.setting_model import Settings, known, variable_of
from cerebelum_cli.settings import flag, node_settings, queue_flags, store_url
from tests.architecture.repository import ROOT
from tests.cli.cli_project import Project, wait_for_line


def user_config(project: Project, text: str) -> dict[str, str]:
    """Write the user's own file, and return the environment that leads to it."""
    file = project.folder.parent / "home" / "cerebelum" / "config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return {"XDG_CONFIG_HOME": str(file.parent.parent)}


def origin(found: Settled, *place: str) -> str:
    return found.given[place].origin


def test_each_source_covers_the_one_before(project: Project) -> None:
    """T5: defaults < the user's file < the project's < environment < flags, key by key, and each value knows its origin."""
    own = user_config(project, 'color = "never"\nlog_level = "error"\n[node]\nmost_claims = 7\nstep_threads = 1\n')
    project.write("cerebelum.toml", 'log_level = "info"\n[node]\nstep_threads = 2\nmost_blocked = 9\n')
    environment = {**own, "CEREBELUM_NODE_STEP_THREADS": "3", "CEREBELUM_NODE_STORE_PATIENCE_S": "0.5"}
    found = settle(project.folder, environment, flag("--stop-within", ("node", "stop_within_s"), 1.5))
    settings = found.settings
    assert (settings.color, settings.log_level, settings.store) == ("never", "info", ".cerebelum/dev.db")
    node = settings.node
    assert (node.most_claims, node.step_threads, node.most_blocked) == (7, 3, 9)
    assert (node.store_patience_s, node.stop_within_s, node.most_resident) == (0.5, 1.5, 50_000)
    assert origin(found, "node", "most_blocked") == "cerebelum.toml:4"
    assert origin(found, "node", "step_threads") == "CEREBELUM_NODE_STEP_THREADS"
    assert origin(found, "node", "stop_within_s") == "--stop-within"
    assert origin(found, "color").endswith("cerebelum/config.toml:1")
    assert ("node", "most_resident") not in found.given


def test_a_variable_that_changes_shows_at_the_next_start(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """T5: configuration is read at run time; the printed one has the new value, and secrets are masked."""
    for password in ("geheim", "swordfish", "x y/z@:?w"):
        monkeypatch.setenv("CEREBELUM_STORE", f"postgresql://me:{password}@host/{password[:1]}db")
        result = project("config", "show")
        assert result.exit_code == 0, result.stderr
        assert f"store\tpostgresql://me:•••@host/{password[:1]}db\tCEREBELUM_STORE" in result.stdout
        assert password not in project("config", "--json").stdout


def test_pyproject_serves_as_well(project: Project) -> None:
    """T5: `[tool.cerebelum]` is read, and cerebelum.toml beside it counts more; a pyproject.toml without one says nothing."""
    project.write("pyproject.toml", '[project]\nname = "cerebelum-user"\n')
    assert settle(project.folder, {}).given == {}
    project.write("pyproject.toml", '[tool.cerebelum]\nlog_level = "info"\n[tool.cerebelum.queues]\ndefault = 3\n')
    found = settle(project.folder, {})
    assert (found.settings.log_level, found.settings.queues) == ("info", {"default": 3})
    assert origin(found, "queues", "default") == "pyproject.toml:4"
    project.write("cerebelum.toml", "queues = { default = 4, b = 2 }\n")
    assert settle(project.folder, {}).settings == Settings(log_level="info", queues={"default": 4, "b": 2})


def test_the_nearest_folder_upward_counts(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """T5: in a subfolder the project's settings hold, and a store's relative path is meant from the file's own folder."""
    project.write("cerebelum.toml", 'store = "data/orders.db"\nlog_level = "info"\n')
    inner = project.folder / "flows" / "deep"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert store_url(None) == "sqlite:///../../data/orders.db"
    project.write("flows/cerebelum.toml", 'store = "sqlite:////var/orders.db"\n')
    found = settle(inner, {})
    assert (found.settings.store, found.settings.log_level) == ("sqlite:////var/orders.db", "warning")


def test_what_lies_in_a_folder_of_everybody_is_not_read(project: Project) -> None:
    """T5: a file above the working folder counts only if not just anybody could have put it there, nor beyond the repository."""
    project.write("cerebelum.toml", 'log_level = "info"\n')
    inner = project.folder / "inner"
    inner.mkdir()
    project.folder.chmod(0o777)
    assert settle(inner, {}).given == {}
    assert settle(project.folder, {}).settings.log_level == "info"
    project.folder.chmod(0o755)
    (inner / ".git").mkdir()
    assert settle(inner, {}).given == {}


@pytest.mark.parametrize(
    "text, key, line, nearest",
    [
        ('log_level = "info"\nstroe = "x.db"\n', "stroe", 2, "store"),
        ("[node]\n\nstep_thread = 3\n", "node.step_thread", 3, "node.step_threads"),
        ("step_threads = 3\n", "step_threads", 1, "node.step_threads"),
        ("node.most_claim = 3\n", "node.most_claim", 1, "node.most_claims"),
        ("[queue]\ndefault = 3\n", "queue", 1, "queues"),
        ("[retentoin]\n", "retentoin", 1, ""),
    ],
)
def test_an_unknown_key_is_refused_by_name(project: Project, text: str, key: str, line: int, nearest: str) -> None:
    """T4: with the nearest known key, the file and line, and a command to type; nothing is run."""
    project.write("cerebelum.toml", text)
    with pytest.raises(UnknownSetting) as refused:
        settle(project.folder, {})
    assert (refused.value.key, refused.value.nearest) == (key, nearest)
    result = project("run", "flow.py:good")
    assert result.exit_code == 2
    assert f"error[CB220]: cerebelum.toml:{line}: there is no setting '{key}'" in result.stderr
    assert f"  nearest: {nearest}" in result.stderr if nearest else "  known: store, log_level" in result.stderr
    assert "cerebelum config show --defaults" in result.stderr
    assert not (project.folder / ".cerebelum").exists()


@pytest.mark.parametrize(
    "text, says",
    [
        ("store = 5\n", "cerebelum.toml:1: store is 5; it takes a text that is not empty"),
        ('store = "  "\n', "store is '  '; it takes a text that is not empty"),
        ('color = "blue"\n', "color is 'blue'; it takes one of auto, always, never"),
        ("[node]\nstep_threads = 0\n", "cerebelum.toml:2: node.step_threads is 0; it takes a whole number from 1"),
        ("[node]\nstep_threads = true\n", "node.step_threads is True; it takes a whole number"),
        ("[node]\nactivation_limit_s = nan\n", "node.activation_limit_s is nan; it takes a number from 0.01"),
        ("[node]\nstop_within_s = inf\n", "node.stop_within_s is inf; it takes a number from 0"),
        ('[node]\nallow_stored_code = "yes"\n', "node.allow_stored_code is 'yes'; it takes true or false"),
        ("node = 3\n", "cerebelum.toml:1: node is 3; it takes a table: [node]"),
        ('[queues]\n" a" = 1\n', "cerebelum.toml:2: the queue's name is ' a'"),
        ('[queues]\na = "1"\n', "queues.a is '1'; it takes a whole number from 1"),
        ('[node]\nstep_threads = "postgres://a:geheim@b"\n', "node.step_threads is 'postgres://a:•••@b'"),
    ],
)
def test_a_wrong_value_is_refused(project: Project, text: str, says: str) -> None:
    """T4: the message names value, key, file and line, and what it takes; a password in it is masked. `config` says it, too."""
    project.write("cerebelum.toml", text)
    for words in (("list",), ("config",)):
        result = project(*words)
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"error[CB221]: {says}" in result.stderr or says in result.stderr
        assert "geheim" not in result.stderr


@pytest.mark.parametrize(
    "name, value, says",
    [
        ("CEREBELUM_NODE_STEP_THREADS", "many", "CEREBELUM_NODE_STEP_THREADS: node.step_threads is 'many'; it takes"),
        ("CEREBELUM_LOG_LEVEL", "loud", "log_level is 'loud'; it takes one of debug, info"),
        ("CEREBELUM_QUEUES", "embeddings", "queues is 'embeddings'; it takes NAME=NUMBER pairs"),
        ("CEREBELUM_QUEUES", "embeddings=0", "queues.embeddings is '0'; it takes a whole number"),
    ],
)
def test_a_wrong_variable_is_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    """T5: a variable's value is checked as a file's, and the message says how to be rid of it."""
    monkeypatch.setenv(name, value)
    result = project("config")
    assert result.exit_code == 2
    assert says in result.stderr
    assert f"unset {name}" in result.stderr


def test_variables_are_read_as_people_write_them(project: Project) -> None:
    """T5: numbers, switches, levels in capitals and queues come from text; an empty variable is an unset one."""
    found = settle(
        project.folder,
        {
            "CEREBELUM_LOG_LEVEL": "INFO", "CEREBELUM_NODE_ALLOW_STORED_CODE": "true", "CEREBELUM_QUEUES": "a=1, b = 2",
            "CEREBELUM_STORE": "", "NO_COLOR": "1", "CEREBELUM_STROE": "x", "CEREBELUM_PORT": "tcp://10.0.0.1:80",
        },
    )  # fmt: skip
    settings = found.settings
    assert (settings.log_level, settings.node.allow_stored_code, settings.queues) == ("info", True, {"a": 1, "b": 2})
    assert (settings.store, settings.color, origin(found, "color")) == (".cerebelum/dev.db", "never", "NO_COLOR")
    assert found.strange_variables == (("CEREBELUM_STROE", "CEREBELUM_STORE"),)
    assert settle(project.folder, {"NO_COLOR": "1", "CEREBELUM_COLOR": "always"}).settings.color == "always"


def test_a_file_that_is_no_toml(project: Project) -> None:
    """T4: exit 2, with the file and the place."""
    project.write("cerebelum.toml", "store = orders.db\n")
    result = project("list")
    assert result.exit_code == 2
    assert "error[CB222]: cerebelum.toml cannot be read: Invalid value (at line 1, column 9)" in result.stderr


def test_a_mark_before_the_first_character_is_no_fault(project: Project) -> None:
    """T5: some editors write one, and end lines in two characters."""
    (project.folder / "cerebelum.toml").write_bytes(b'\xef\xbb\xbfstore = "a.db"\r\n')
    assert settle(project.folder, {}).settings.store == "a.db"


def test_show_prints_a_table_and_json(project: Project) -> None:
    """T5, W10: `config`, `config show` and their JSON have every setting with value and origin; `--defaults` reads no file."""
    project.write("cerebelum.toml", "[queues]\nembeddings = 2\n")
    assert project("config").stdout == project("config", "show").stdout
    rows = {row["key"]: row for row in json.loads(project("config", "-o", "json").stdout)}
    assert {".".join(place) for place in known() if place[-1] != "*"} <= set(rows)
    assert rows["queues.embeddings"]["value"] == 2
    assert rows["queues.embeddings"]["origin"] == "cerebelum.toml:2"
    assert rows["queues.background"]["origin"] == "default"
    assert rows["node.step_threads"]["default"] == 32
    assert json.loads(project("config", "show", "--store", "x.db", "--json").stdout)[0]["origin"] == "--store"
    project.write("cerebelum.toml", "nonsense = 1\n")
    shown = project("config", "show", "--defaults")
    assert shown.exit_code == 0
    assert "CEREBELUM_NODE_MOST_CLAIMS\ttries without progress" in shown.stdout


def test_every_setting_reaches_the_node() -> None:
    """T5: what `[node]` and `[queues]` say is what the node is made with, nothing is left at the node's own default."""
    flags = [
        *flag("x", ("node", "step_threads"), 1), *flag("x", ("node", "most_resident"), 2),
        *flag("x", ("node", "most_claims"), 3), *flag("x", ("node", "most_blocked"), 4),
        *flag("x", ("node", "activation_limit_s"), 5.0), *flag("x", ("node", "blocked_warning_s"), 6.0),
        *flag("x", ("node", "store_patience_s"), 7.0), *queue_flags(["a=8"]),
    ]  # fmt: skip
    made = node_settings(settle(None, {}, flags).settings, "park")
    assert (made.step_threads, made.most_resident, made.most_claims, made.most_blocked) == (1, 2, 3, 4)
    assert (made.activation_limit_s, made.blocked_warning_s, made.store_patience_s) == (5.0, 6.0, 7.0)
    assert made.queues == {"a": 8}
    assert node_settings(Settings(), "park") == type(made)()
    with pytest.raises(UsageProblem):
        queue_flags(["=3"])
    with pytest.raises(SettingRefused):
        settle(None, {}, queue_flags(["a=0"]))


def test_a_run_follows_the_files_limits(project: Project) -> None:
    """T5: `run` works under the settings: a loop that never ends is parked after as many tries as the file gives."""
    project.write("cerebelum.toml", "[node]\nactivation_limit_s = 0.05\nblocked_warning_s = 0.01\nmost_blocked = 1\n")
    project.write(
        "spin.py", "from cerebelum import workflow\n\n@workflow\nasync def spin():\n    while True:\n        pass\n"
    )
    result = project("run", "spin.py")
    assert result.exit_code == 1
    assert "parked: 1 times: ActivationBlocked" in result.stderr


def test_a_worker_follows_the_files_settings(project: Project) -> None:
    """T5: `worker` takes store and log level from the file where no flag and no variable says otherwise."""
    project.write("cerebelum.toml", 'store = "file.db"\nlog_level = "debug"\n')
    with project.start("worker", "flow.py") as worker:
        assert "store file.db" in wait_for_line(worker.stderr, "node ready")
        worker.terminate()
        worker.communicate()
    assert worker.returncode == 0


def test_colours_follow_the_setting(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """T5: `color` decides: always also off a terminal, auto there never."""
    project("run", "flow.py:good", "--id", "one")
    assert "\x1b[" not in project("show", "one").stdout
    monkeypatch.setenv("CEREBELUM_COLOR", "always")
    assert "\x1b[32mcompleted" in project("show", "one").stdout


def test_the_page_lists_every_setting() -> None:
    """W16: docs/configuration.md has each key with its default, as the model has it."""
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    for place, facts in known().items():
        if place[-1] != "*":
            shown = str(facts.default).lower() if isinstance(facts.default, bool) else facts.default
            shown = f"{shown:g}" if isinstance(shown, float) else shown
            assert f"| `{'.'.join(place)}` | `{shown}` | {facts.meaning} |" in page
        assert variable_of(place) in page or place[0] == "node"


def test_the_pages_example_is_accepted(project: Project) -> None:
    """W16, T4: the file that the page shows is taken as it is."""
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    example = page.partition("```toml\n")[2].partition("```")[0]
    project.write("cerebelum.toml", example)
    assert settle(project.folder, {}).given


def test_the_command_starts_without_reading_settings_it_does_not_need(project: Project) -> None:
    """T5: `version`, `explain` and `--help` work beside a broken file."""
    project.write("cerebelum.toml", "nonsense = 1\n")
    for words in (("version",), ("explain", "CB220"), ("--help",)):
        assert project(*words).exit_code == 0
