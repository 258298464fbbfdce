"""A definition in a file is loaded as the Python module that says the same.

So it has everything that a flow in Python has: its functions are found as the file's own imports are, it is digested
together with them, kept in the store, pinned and replayed. The text is made from the file alone and never from names in
it: all data of the definition stands in one string, and what is imported was checked to be a dotted name.
"""

from __future__ import annotations

import json
from pathlib import Path

from cerebelum.engine.authoring.definitions.checking import Definition
from cerebelum.engine.authoring.definitions.functions import is_importable
from cerebelum.engine.authoring.definitions.reading import read_text
from cerebelum.engine.domain.errors_definition import DefinitionUnreadable
from cerebelum.engine.runtime.code.definition_text import as_comments


def definition_source(file: Path) -> str:
    """Return the Python module that stands for a definition's file.

    Raises:
        OSError: it cannot be read.
        DefinitionUnreadable: it is not UTF-8, JSON or YAML, or too large.
        InvalidFlow: it has faults.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DefinitionUnreadable(f"{file.name} is not UTF-8 text (byte {error.start})") from None
    data = read_text(text, shown=file.name, is_yaml=file.suffix.lower() != ".json")
    definition = Definition.new(data)
    modules = _modules(definition)
    imports = "".join(f"import {name} as _m{number}\n" for number, name in enumerate(modules))
    table = ", ".join(f"{name!r}: _m{number}" for number, name in enumerate(modules))
    lines = "\n".join(f"    {line!r}" for line in json.dumps(data, indent=1).splitlines())
    return (
        "import json\n\nfrom cerebelum import Flow\n\n"
        f"{imports}\nDEFINITION = json.loads(\n{lines}\n)\n"
        f"flow = Flow.from_definition(DEFINITION, modules={{{table}}})\n\n"
        f"# The file, as it was written:\n{as_comments(text)}"
    )


def _modules(definition: Definition) -> list[str]:
    names = [
        name for node in definition.nodes.values() for name in (node.config.function, node.config.compensate) if name
    ]
    modules = sorted({name.partition(":")[0] for name in names})
    return [name for name in modules if is_importable(name)]
