"""The law of the house: imports point down."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import hornbook

SOURCE = Path(hornbook.__file__).parent
FLOORS = [
    {"errors", "progress"},
    {"backend", "files", "report", "tabular"},
    {
        "text",
        "data",
        "linear",
        "layers",
        "metrics",
        "checkpoints",
        "generation",
        "mining",
    },
    {"models", "training"},
    {"pretrained"},
    {"recipes", "describing", "installation"},
    {"cli"},
    {"__main__", "__init__"},
    {"compat"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
WITHOUT_KERAS = {
    "text",
    "mining",
    "data",
    "generation",
    "linear",
    "checkpoints",
    "report",
    "tabular",
    "files",
    "progress",
    "metrics",
    "errors",
}
# The few files that may name a backend's own package, each with its reason.
BACKEND_FILES = {
    "backend.py": "chooses the backend",
    "models/decoding/compiling.py": "compiles a function of arrays",
    "training/devices/choosing.py": "asks a backend for its devices",
    "training/devices/torch_processes.py": "has a process of PyTorch for each device",
    "layers/matrices/frozen_jax.py": "multiplies in the forms that XLA is fast at",
    "layers/matrices/rounded_torch.py": "calls PyTorch's kernels for 8 and 4 bits",
}
# what is directly in the folder, and folders without a recipe
SHARED_BY_RECIPES = {path.stem for path in (SOURCE / "recipes").glob("*.py")} | {
    path.parent.name
    for path in (SOURCE / "recipes").glob("*/__init__.py")
    if not path.with_name("recipe.py").exists()
}
BACKENDS = {"jax", "torch", "tensorflow"}


def modules():
    return sorted(SOURCE.rglob("*.py"))


def room_of(path: Path) -> str:
    first = path.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py")


def imports_of(path: Path):
    """Every module that `path` imports, at the top or inside a function, as a dotted name."""
    package = ["hornbook", *path.relative_to(SOURCE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            if module == "hornbook":
                yield from (f"hornbook.{alias.name}" for alias in node.names)
            else:
                yield module


def name_of(path: Path) -> str:
    parts = ["hornbook", *path.relative_to(SOURCE).with_suffix("").parts]
    return ".".join(parts).removesuffix(".__init__")


def modules_imported_by(path: Path, known: set[str]) -> set[str]:
    """The modules of hornbook that `path` imports, those imported by name from a package too."""
    imported = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                imported.add(name if name in known else node.module)
        elif isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
    return imported & known - {name_of(path)}


def test_every_room_has_a_floor_and_every_floor_its_rooms():
    assert {room_of(path) for path in modules()} == set(FLOOR)


def test_no_module_imports_itself_by_way_of_others():
    known = {name_of(path) for path in modules()}
    left = {name_of(path): modules_imported_by(path, known) for path in modules()}
    while free := {name for name, imported in left.items() if not imported & left.keys()}:
        left = {name: imported for name, imported in left.items() if name not in free}
    assert not left  # what is left imports in circles, or from one


def test_folders_hold_about_a_dozen_modules():
    several = {"models/families", "cli/commands"}  # registries: a family, a command per file
    crowded = [
        folder.relative_to(SOURCE).as_posix()
        for folder in SOURCE.rglob("*")
        if len([path for path in folder.glob("*.py") if path.stem != "__init__"]) > 12
    ]
    assert set(crowded) <= several


def test_no_two_files_have_the_same_name():
    roles = {"__init__", "__main__", "recipe", "report"}  # each recipe has these
    compat = SOURCE / "compat" / "bert4keras"  # has the names of the original
    names = Counter(
        path.stem for path in modules() if path.stem not in roles and compat not in path.parents
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_imports_point_down_and_rooms_on_one_floor_do_not_know_each_other():
    wrong = []
    for path in modules():
        room = room_of(path)
        for name in imports_of(path):
            parts = name.split(".")
            if parts[0] != "hornbook" or len(parts) == 1 or parts[1] not in FLOOR:
                continue
            if parts[1] != room and FLOOR[parts[1]] >= FLOOR[room]:
                wrong.append(f"{path.relative_to(SOURCE)} imports {name}")
    assert not wrong


def test_some_rooms_never_import_keras():
    wrong = [
        f"{path.relative_to(SOURCE)} imports {name}"
        for path in modules()
        if room_of(path) in WITHOUT_KERAS
        for name in imports_of(path)
        if name.split(".")[0] == "keras"
    ]
    assert not wrong


def test_backends_are_named_only_where_listed():
    wrong = [
        f"{path.relative_to(SOURCE)} imports {name}"
        for path in modules()
        if path.relative_to(SOURCE).as_posix() not in BACKEND_FILES
        for name in imports_of(path)
        if name.split(".")[0] in BACKENDS
    ]
    assert not wrong


def test_recipes_and_families_do_not_import_each_other():
    wrong = []
    for folder, shared in (("recipes", SHARED_BY_RECIPES), ("models/families", set())):
        prefix = "hornbook." + folder.replace("/", ".") + "."
        for path in sorted((SOURCE / folder).rglob("*.py")):
            own = path.relative_to(SOURCE / folder).parts[0].removesuffix(".py")
            for name in imports_of(path):
                other = name.removeprefix(prefix).split(".")[0]
                if name.startswith(prefix) and own != "__init__" and other not in {own, *shared}:
                    wrong.append(f"{path.relative_to(SOURCE)} imports {name}")
    assert not wrong
