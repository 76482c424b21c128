"""Answers the imports of a script and of the modules beside it from `hornbook.compat`."""

from __future__ import annotations

import builtins
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = "hornbook.compat"
REPLACED = ("bert4keras", "keras")


def compat_import(
    name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
) -> ModuleType:
    """`__import__` of the script: bert4keras and keras are those of this package."""
    name = name.removeprefix("tensorflow.") if name.startswith("tensorflow.keras") else name
    top = name.partition(".")[0]
    if level or top not in REPLACED:
        return builtins.__import__(name, globals, locals, fromlist or (), level)
    module = importlib.import_module(f"{ROOT}.{name}")
    for each in fromlist or ():  # a submodule, as in `from bert4keras import models`
        if not hasattr(module, each) and each != "*":
            try:
                importlib.import_module(f"{ROOT}.{name}.{each}")
            except ModuleNotFoundError:
                continue  # the import statement raises ImportError
    return module if fromlist else importlib.import_module(f"{ROOT}.{top}")


BUILTINS = {**vars(builtins), "__import__": compat_import}


class _Loader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = BUILTINS
        super().exec_module(module)


class BesideScript(importlib.abc.MetaPathFinder):
    """Finds the modules in the folder of the script; their imports are answered likewise."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        if fullname.partition(".")[0] in REPLACED:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path or [str(self.folder)])
        if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
            return None
        origin = spec.origin
        if self.folder not in Path(origin).resolve().parents:
            return None
        return importlib.util.spec_from_file_location(
            fullname,
            origin,
            loader=_Loader(fullname, origin),
            submodule_search_locations=spec.submodule_search_locations,
        )


def run(script: Path, arguments: list[str]) -> None:
    """Runs a script as `python script.py arguments` does, with these imports."""
    code = compile(script.read_bytes(), str(script), "exec")
    folder = script.resolve().parent
    sys.meta_path.insert(0, BesideScript(folder))
    sys.path.insert(0, str(folder))
    sys.argv = [str(script), *arguments]
    module = ModuleType("__main__")
    module.__dict__.update(__file__=str(script), __builtins__=BUILTINS)
    sys.modules["__main__"] = module
    exec(code, module.__dict__)
