"""The determinism linter: what it finds, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from cerebelum.engine.runtime.code.lint.finding import RULES, Finding
from cerebelum.engine.runtime.code.lint.linked_modules import LinkedModules
from cerebelum.engine.runtime.code.lint.lint_source import Linter, lint_source
from tests.architecture.repository import ROOT

_HEAD = """import aiohttp, asyncio, glob, os, random, subprocess, threading, time, urllib.request, uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path
from time import sleep as nap
from cerebelum import map_steps, sleep, step, wait_for_signal, workflow
SEEN: list[str] = []
NAMES = {"a", "b"}
FOLDER = Path("data")
STARTED = datetime.now()
RNG = random.Random(1)
LIMIT = 3
@step
async def charge(what): time.sleep(1); open("x"); SEEN.append(what); threading.Thread().start(); return STARTED
"""
_HEAD_LINES = _HEAD.count("\n")


def findings(source: str) -> list[Finding]:
    return lint_source(source, "flow.py").findings


def codes(
    body: str, *, head: str = "async def flow(n: int = 1, names: set[str] = frozenset(), items: list[str] = ()):"
) -> list[str]:
    """Return the codes that are found in the body of a workflow."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return [finding.code for finding in findings(f"{_HEAD}@workflow\n{head}\n{lines}")]


@pytest.mark.parametrize(
    "body, code",
    [
        ("time.sleep(1)", "CB511"),
        ("nap(1)", "CB511"),
        ("import time as t\nt.sleep(1)", "CB511"),
        ("def inner():\n    time.sleep(1)\ninner()", "CB511"),
        ("open('x')", "CB512"),
        ("input('?')", "CB512"),
        ("Path('x').read_text()", "CB512"),
        ("(FOLDER / 'x').exists()", "CB512"),
        ("p = Path('x')\np.write_text('')", "CB512"),
        ("os.listdir('.')", "CB512"),
        ("os.path.exists('x')", "CB512"),
        ("glob.glob('*')", "CB512"),
        ("urllib.request.urlopen('http://x')", "CB512"),
        ("threading.Thread(target=print).start()", "CB513"),
        ("ThreadPoolExecutor()", "CB513"),
        ("subprocess.run(['ls'])", "CB513"),
        ("os.system('ls')", "CB513"),
        ("for name in names:\n    await charge(name)", "CB514"),
        ("for name in NAMES:\n    await charge(name)", "CB514"),
        ("for name in {'a', 'b'} | names:\n    await sleep(1)", "CB514"),
        ("jobs = []\nfor name in set(items):\n    jobs.append(charge(name))\nawait asyncio.gather(*jobs)", "CB514"),
        ("await asyncio.gather(*[charge(name) for name in names])", "CB514"),
        ("await asyncio.gather(*(charge(name) for name in frozenset(items)))", "CB514"),
        ("await charge(list(names))", "CB514"),
        ("first = next(iter(names))\nawait charge(first)", "CB514"),
        ("await charge(names.pop())", "CB514"),
        ("await charge(', '.join(names))", "CB514"),
        ("await map_steps(charge, names)", "CB514"),
        ("global LIMIT\nLIMIT = 4", "CB515"),
        ("SEEN.append('x')", "CB515"),
        ("SEEN[0] = 'x'", "CB515"),
        ("await asyncio.to_thread(print)", "CB516"),
        ("await asyncio.open_connection('x', 1)", "CB516"),
        ("await asyncio.get_running_loop().run_in_executor(None, print)", "CB516"),
        ("async with aiohttp.ClientSession() as session:\n    pass", "CB516"),
        ("return STARTED", "CB517"),
        ("return RNG.random()", "CB517"),
        ("return os.environ['MODE']", "CB518"),
        ("return os.getenv('MODE')", "CB518"),
        ("return hash('x')", "CB518"),
        ("return id(n)", "CB518"),
    ],
)  # fmt: skip
def test_what_no_replay_can_repeat_is_found(body: str, code: str) -> None:
    """E9: what interception cannot make deterministic in workflow code is found before it runs."""
    assert code in codes(body)
    assert set(codes(body)) == {code}


@pytest.mark.parametrize(
    "body",
    [
        "return time.time(), datetime.now(), date.today(), time.monotonic()",
        "return random.random(), uuid.uuid4(), os.urandom(8), random.Random().random()",
        "await asyncio.sleep(1)\nawait sleep(1)\nasync with asyncio.timeout(3):\n    await wait_for_signal('x')",
        "await asyncio.gather(charge(1), charge(2))\nasync with asyncio.TaskGroup() as group:\n    group.create_task(charge(1))",
        "done, _ = await asyncio.wait([asyncio.create_task(charge(1))])\nfor task in done:\n    await charge(task.result())",
        "for name in sorted(names):\n    await charge(name)",
        "for name in names:\n    n += len(name)\nawait charge(n)",
        "await charge(names)\nawait charge(len(names))\nawait charge('a' in names)",
        "found = list(names)\nfound.sort()\nfor name in found:\n    await charge(name)",
        "for number in {1, 2, 3}:\n    await charge(number)",
        "for item in dict.fromkeys(items):\n    await charge(item)",
        "seen = []\nseen.append(n)\nreturn seen, LIMIT",
        "SEEN = []\nSEEN.append(n)\nreturn SEEN",
        "open = len\nreturn open(items)",
        "def hash(x):\n    return x\nreturn hash(n)",
        "return Path('a') / 'b', Path('a').name, os.path.join('a', 'b')",
        "@step\ndef inner():\n    open('x')\nawait inner()",
        "items.append('x')\nreturn n.read_text()",
        "lock = asyncio.Lock()\nasync with lock:\n    await charge(1)",
        "print('told')",
    ],
)  # fmt: skip
def test_what_is_deterministic_is_left_alone(body: str) -> None:
    """E9: intercepted time and randomness, durable waits, local state and the bodies of steps give no finding."""
    assert codes(body) == []


def test_only_workflow_code_is_looked_at() -> None:
    """E9: a function counts where a workflow of the module calls it, also through others or as an argument, and not else."""
    source = (
        f"{_HEAD}def unused(): time.sleep(1)\n"
        "def called(): deeper()\n"
        "def deeper(): time.sleep(2)\n"
        "def mapped(x): open(x)\n"
        "@workflow\nasync def flow(): called(); return list(map(mapped, 'ab'))\n"
    )
    found = findings(source)
    assert [(finding.code, finding.line - _HEAD_LINES) for finding in found] == [("CB511", 3), ("CB512", 4)]
    assert {finding.workflow for finding in found} == {"flow"}


def test_a_plain_workflow_may_call_time_sleep() -> None:
    """E9: `time.sleep` is a durable timer in a plain `def` workflow, and in what only such workflows call."""
    assert codes("time.sleep(3)", head="def flow():") == []
    both = f"{_HEAD}def wait(): time.sleep(1)\n@workflow\ndef one(): wait()\n"
    assert findings(both) == []
    assert [found.code for found in findings(f"{both}@workflow\nasync def two(): wait()\n")] == ["CB511"]


def test_module_state_that_is_read_is_worse() -> None:
    """E9: writing to the module is a warning; reading it in workflow code as well makes it an error."""
    source = f"{_HEAD}@workflow\nasync def flow():\n    SEEN.append('x')\n"
    assert [found.level for found in findings(source)] == ["warning"]
    assert [found.level for found in findings(f"{source}    await charge(len(SEEN))\n")] == ["error"]


def test_a_finding_names_the_place() -> None:
    """E9: file, line and column count from 1, in characters; why and remedy are told."""
    (found,) = findings(f"{_HEAD}@workflow\nasync def flow():\n    öß = open('x')\n")
    assert (found.path, found.line - _HEAD_LINES, found.column, found.end_column) == ("flow.py", 3, 10, 19)
    assert found.source == "    öß = open('x')"
    assert (found.why, found.fix) == (RULES["CB512"].why, RULES["CB512"].fix)


def test_a_comment_silences_what_it_names() -> None:
    """E9: `# cb: ignore[CB5xx]` silences these codes on its line; one that silences nothing is a note."""
    assert codes("open('x')  # cb: ignore[CB512]") == []
    assert codes("open('x'); time.sleep(1)  # cb: ignore[CB512, CB511]") == []
    assert codes("open('x')  # cb: ignore[CB511]") == ["CB512", "CB519"]
    assert codes("open('x')  # cb: ignore") == ["CB512", "CB519"]
    assert codes("text = '# cb: ignore[CB512]'") == []
    assert [found.level for found in findings("x = 1  # cb: ignore[CB512]\n")] == ["note"]


def test_every_rule_says_what_to_do() -> None:
    """W10: each rule has a code of its own, a level, a reason and a remedy."""
    for code, rule in RULES.items():
        assert rule.code == code
        assert rule.why
        assert rule.fix


_CLEAN = [*(ROOT / "examples").rglob("*.py"), *(ROOT / "tests" / "flows").rglob("*.py"),
          *(ROOT / "cerebelum" / "templates").rglob("*.py")]  # fmt: skip


@pytest.mark.parametrize("path", sorted(_CLEAN), ids=lambda path: str(path.relative_to(ROOT)))
def test_flows_that_run_well_are_clean(path: Path) -> None:
    """E9: nothing is found in the examples, the templates and the flows of the tests, all of which replay."""
    assert lint_source(path.read_text(encoding="utf-8"), str(path)).findings == []


FLOW = """from cerebelum import workflow
{imports}

@workflow
async def {name}() -> None:
    {call}
"""
HELPER = """import time
from cerebelum import step

def slow() -> None:
    inner()

def inner() -> None:
    time.sleep(1)

def unused() -> None:
    time.sleep(1)

@step
def works() -> None:
    time.sleep(1)

def retried(function):
    return step(function)

@retried
def works_too() -> None:
    time.sleep(1)
"""


def lint_folder(folder: Path, files: dict[str, str], *asked: str) -> list[str]:
    """Write files, lint those that are asked for, and return "file:line code" of what is found."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    modules = LinkedModules(lambda file: file.relative_to(folder).as_posix())
    linter = Linter(modules.function)
    for name in asked:
        linter.add(modules.read(folder / name))
    return [f"{found.path}:{found.line} {found.code}" for found in linter.findings()]


@pytest.mark.parametrize(
    "imports, call",
    [
        ("import helper", "helper.slow()"),
        ("import helper as h", "h.slow()"),
        ("from helper import slow", "slow()"),
        ("from helper import slow as s", "s()"),
        ("from helper import slow", "list(map(slow, []))"),
        ("", "from helper import slow\n    slow()"),
    ],
)
def test_functions_of_other_modules_are_followed(tmp_path: Path, imports: str, call: str) -> None:
    """E9: what workflow code calls in another local module is workflow code, however it was imported."""
    flow = FLOW.format(imports=imports, name="flow", call=call)
    assert lint_folder(tmp_path, {"flow.py": flow, "helper.py": HELPER}, "flow.py") == ["helper.py:8 CB511"]


@pytest.mark.parametrize(
    "imports, call",
    [
        ("from app.lib import helper", "helper.slow()"),
        ("import app.lib.helper", "app.lib.helper.slow()"),
        ("from .lib.helper import slow", "slow()"),
        ("from .lib import slow", "slow()"),  # handed on by the package
        ("from . import lib", "lib.slow()"),
        ("from .other import slow", "slow()"),
    ],
)
def test_functions_of_packages_are_followed(tmp_path: Path, imports: str, call: str) -> None:
    """E9: relative imports and names that a package hands on lead to the function, in circles to nothing."""
    files = {
        "app/__init__.py": "", "app/flow.py": FLOW.format(imports=imports, name="flow", call=call),
        "app/lib/__init__.py": "from .helper import slow\nfrom ..other import round\n", "app/lib/helper.py": HELPER,
        "app/other.py": "from .lib import slow\nfrom .lib import round\n",
    }  # fmt: skip
    assert lint_folder(tmp_path, files, "app/flow.py") == ["app/lib/helper.py:8 CB511"]
    files["app/flow.py"] = FLOW.format(imports="from .other import round", name="flow", call="round()")
    assert lint_folder(tmp_path, files, "app/flow.py") == []


@pytest.mark.parametrize(
    "call",
    ["helper.works()", "helper.works_too()", "helper.missing()", "json.dumps(helper)", "helper.slow", "broken.x()"],
)
def test_steps_and_what_is_not_called_are_left_alone(tmp_path: Path, call: str) -> None:
    """E9: a step of another module, what a decorator may have made one, a library and a module that cannot be read are no workflow code."""
    flow = FLOW.format(imports="import helper, json, broken", name="flow", call=call)
    assert lint_folder(tmp_path, {"flow.py": flow, "helper.py": HELPER, "broken.py": "def ("}, "flow.py") == []


def test_a_shared_helper_is_told_once(tmp_path: Path) -> None:
    """E9: a helper that several flows call, and that is checked itself, gives one finding; one that is silenced, none."""
    files = {"helper.py": HELPER}
    for name in ("one", "two"):
        files[f"{name}.py"] = FLOW.format(imports="from helper import slow", name=name, call="slow()")
    assert lint_folder(tmp_path, files, "helper.py", "one.py", "two.py") == ["helper.py:8 CB511"]
    files["helper.py"] = HELPER.replace(
        "    time.sleep(1)\n\ndef unused", "    time.sleep(1)  # cb: ignore[CB511]\n\ndef unused"
    )
    assert lint_folder(tmp_path, files, "one.py", "two.py", "helper.py") == []
    assert lint_folder(tmp_path, files, "helper.py") == []
    files["one.py"] = files["two.py"] = FLOW.format(imports="import helper", name="one", call="helper.unused()")
    assert lint_folder(tmp_path, files, "helper.py", "one.py") == ["helper.py:8 CB519", "helper.py:11 CB511"]
