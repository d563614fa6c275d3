"""The rules of the layout, read off the syntax trees: who may import whom, what stays lazy, how long files get."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "dlrun"
FILES = sorted(PACKAGE.rglob("*.py"))
TEMPLATES = PACKAGE / "cli" / "templates"

HEAVY = {
    "hyperopt",
    "joblib",
    "keras",
    "matplotlib",
    "polars",
    "safetensors",
    "scipy",
    "skops",
    "sklearn",
    "tensorboardX",
    "tensorflow",
    "threadpoolctl",
}

ZYGOTE = PACKAGE / "studies" / "workers" / "zygote.py"
"""A program of its own, whose forks must end without taking the zygote's state apart."""

FLOORS = (
    {"errors"},
    {"base"},
    {"config"},
    {"experiment"},
    {"learners"},
    {"records", "reports"},
    {"runs"},
    {"ensembles", "studies"},
    {"predictions"},
    {"cli"},
    {"api", "__main__"},
    {"__init__"},
)
"""The parts of dlrun from the ground up; each may import what is on the floors below it."""

SECTIONS: dict[str, set[str]] = {
    "datasets": set(),
    "models": {"datasets"},
    "optimizers": set(),
    "tuner": set(),
    "evaluation": {"datasets"},
    "validation": {"datasets"},
    "preprocessing": {"datasets", "validation"},
    "training": {"datasets", "evaluation", "validation"},
}
"""What each section of a config may import of the others; `experiment.py` and `resolve.py` put them together."""


def imports(path: Path) -> Iterator[tuple[str, int, bool]]:
    """Yield every module that a file imports, its line, and whether that happens when the file is loaded."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    lazy = {
        id(node)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(outer)
    }
    lazy |= {
        id(node)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.If) and ast.unparse(outer.test) == "TYPE_CHECKING"
        for node in ast.walk(outer)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, id(node) not in lazy
        elif isinstance(node, ast.ImportFrom):
            for module in {_imported(node.module or "", alias.name) for alias in node.names}:
                yield module, node.lineno, id(node) not in lazy


def _imported(module: str, name: str) -> str:
    """Return the module that a name is imported from, or that the name itself stands for."""
    inner = f"{module}.{name}"
    path = ROOT / inner.replace(".", "/")
    return inner if path.is_dir() or path.with_suffix(".py").is_file() else module


def part_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def floor_of(part: str) -> int:
    return next(number for number, floor in enumerate(FLOORS) if part in floor)


def modules_of(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the modules of dlrun that a file imports, without `dlrun.`, and the lines."""
    for module, line, _ in imports(path):
        if module.split(".")[0] == "dlrun":
            yield module.removeprefix("dlrun").removeprefix("."), line


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down_the_floors(path: Path) -> None:
    part = part_of(path)
    wrong = [
        f"line {line}: {module}"
        for module, line in modules_of(path)
        if (other := module.split(".")[0] or "__init__") != part and floor_of(other) >= floor_of(part)
    ]
    assert not wrong


@pytest.mark.parametrize("path", [path for path in FILES if path.parent != PACKAGE], ids=str)
def test_sections_know_what_is_below_them_alone(path: Path) -> None:
    section = path.relative_to(PACKAGE).parts[1]
    if part_of(path) != "experiment" or section not in SECTIONS:
        return
    known = {"experiment", "config", "base", "errors"}
    for module, line in modules_of(path):
        part, _, rest = module.partition(".")
        assert part in known, f"line {line}"
        assert part != "experiment" or rest.split(".")[0] in {section, *SECTIONS[section]}, f"line {line}: {module}"


def test_no_files_import_each_other_in_a_circle() -> None:
    names = {path: ".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in FILES}
    below = {name: {module for module, _ in modules_of(path)} for path, name in names.items()}
    while leaves := {name for name, modules in below.items() if not modules & set(below)}:
        below = {name: modules for name, modules in below.items() if name not in leaves}
    assert not below, "these files, or what they import, import each other in a circle"


def test_models_are_asked_and_not_looked_up_by_their_class() -> None:
    concrete = {"network.network", "random_forest", "gradient_boosting", "linear"}
    knowing = {
        str(path.relative_to(PACKAGE))
        for path in FILES
        for module, _ in modules_of(path)
        if module.removeprefix("experiment.models.") in concrete
    }
    assert knowing <= {"experiment/models/models.py", "learners/network_backend.py"}


def test_the_root_holds_four_files() -> None:
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "__main__.py", "api.py", "errors.py"}


def test_packages_load_nothing() -> None:
    packages = [path for path in FILES if path.name == "__init__.py" and path.parent not in {PACKAGE, TEMPLATES}]
    assert len(packages) > 20
    assert not [path for path in packages if list(imports(path))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_heavy_packages_are_imported_inside_functions(path: Path) -> None:
    assert not [(module, line) for module, line, eager in imports(path) if eager and module.split(".")[0] in HEAVY]


def test_tensorflow_is_imported_by_the_engines_and_the_doctor_alone() -> None:
    importing = {
        str(path.relative_to(PACKAGE).parent)
        for path in FILES
        for module, _, _ in imports(path)
        if module.split(".")[0] == "tensorflow"
    }
    assert importing <= {"learners/engines"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_grows_beyond_reading(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 310


def test_only_the_command_line_prints_or_exits() -> None:
    wrong = []
    for path in FILES:
        if part_of(path) in {"cli", "__main__"} or path == ZYGOTE:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if called in {"print", "exit", "sys.exit", "os._exit"}:
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not wrong


def test_every_docstring_is_there() -> None:
    missing = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in FILES
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not missing


def test_files_of_settings_do_not_postpone_annotations() -> None:
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
    classes = [(path, node) for path, tree in trees.items() for node in tree.body if isinstance(node, ast.ClassDef)]
    settings = {"Settings"}
    while found := {node.name for _, node in classes if settings & set(map(ast.unparse, node.bases))} - settings:
        settings |= found
    files = {path for path, node in classes if settings & set(map(ast.unparse, node.bases))}
    assert len(files) > 70
    wrong = [str(path.relative_to(ROOT)) for path in sorted(files) if "__future__" in map(_module, trees[path].body)]
    assert not wrong, "pydantic would compile the annotations anew for every class, at every start"


def _module(node: ast.stmt) -> str | None:
    return node.module if isinstance(node, ast.ImportFrom) else None
