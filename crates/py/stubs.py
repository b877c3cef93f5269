"""Writes `python/cofactor/_models.pyi`, which tells type checkers of the models' classes, from the registry of the installed package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cofactor import _native
from cofactor._model import class_name

STUB = Path(__file__).parent / "python" / "cofactor" / "_models.pyi"

HEAD = """\
# Written by stubs.py from the registry; a test compares them.
from typing import Literal

from ._model import Model

"""


def stub() -> str:
    """The text of the stub."""
    entries = json.loads(_native.models())
    names = "\n".join(f'    "{class_name(entry["name"])}",' for entry in entries)
    return HEAD + f"__all__ = [\n{names}\n]\n\n" + "\n".join(map(_class, entries))


def _class(entry: dict[str, Any]) -> str:
    knobs = "".join(f"        {knob['name']}: {_type(knob['kind'])} | None = None,\n" for knob in entry["parameters"])
    presets = [preset["name"] for preset in entry["presets"]]
    preset = f"Literal[{', '.join(f'{name!r}' for name in presets)}] | None" if presets else "None"
    rest = f"        preset: {preset} = None,\n        seed: int = 42,\n        threads: int = 0,\n"
    return f"class {class_name(entry['name'])}(Model):\n    def __init__(\n        self,\n        *,\n{knobs}{rest}    ) -> None: ...\n"


def _type(kind: dict[str, Any]) -> str:
    match kind["type"]:
        case "integer":
            return "int"
        case "real":
            return "float"
        case "flag":
            return "bool"
        case "choice":
            return f"Literal[{', '.join(f'{option!r}' for option in kind['options'])}]"
    raise ValueError(f"no type is known for {kind}")


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
    print(f"wrote {STUB}")
