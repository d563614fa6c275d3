"""The rules of the layout, read off the syntax trees: who may import whom, what stays lazy, how long files get."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "dlrun"
FILES = sorted(PACKAGE.rglob("*.py"))

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

ZYGOTE = PACKAGE / "tuning" / "zygote.py"
"""A program of its own, whose forks must end without taking the zygote's state apart."""

FOUNDATION = {"backend", "errors", "interruption", "limits", "settings", ""}

ALLOWED = {
    "backend": set(),
    "errors": set(),
    "limits": set(),
    "settings": set(),
    "interruption": set(),
    "datasets": {"validation.plan"},
    "validation": {"datasets.dataset"},
    "preprocessing": {"datasets.checks", "datasets.columns", "datasets.dataset", "datasets.names", "validation.plan"},
    "evaluation": {"datasets.dataset"},
    "models": {"datasets.dataset", "datasets.npz_reader", "training.initializers"},
    "training": {"datasets.dataset", "evaluation.losses", "preprocessing.fitted", "validation.plan"},
    "tuning": {
        "config",
        "datasets",
        "evaluation",
        "experiment",
        "fitting",
        "keeping",
        "learners",
        "models",
        "records",
        "reporting",
        "resolve",
        "resuming",
        "run",
        "scoring",
        "training",
        "validation",
    },
    "records": {"datasets.npz_reader", "training.checkpoint", "training.listener"},
    "reporting": {
        "datasets.dataset",
        "evaluation",
        "records.files",
        "records.inside",
        "records.text",
        "training.listener",
    },
    "ensembling": {"config.writing", "datasets.dataset", "evaluation", "records", "reporting", "retraining"},
    "experiment": {"datasets", "evaluation", "models", "preprocessing", "training", "tuning.tuner", "validation"},
    "config": {"datasets", "evaluation", "experiment", "models", "tuning"},
    "resolve": {"datasets", "evaluation", "experiment", "models", "records.environment", "training"},
    "learners": {"datasets", "evaluation", "experiment", "models", "resolve", "training"},
    "fitting": {"datasets", "evaluation", "experiment", "preprocessing", "training", "validation"},
    "averaging": {"datasets", "experiment", "fitting", "training"},
    "scoring": {"averaging", "datasets", "evaluation", "experiment", "fitting", "training"},
    "keeping": {"datasets", "fitting", "records", "training", "validation"},
    "recording": {
        "config",
        "datasets",
        "experiment",
        "fitting",
        "keeping",
        "records",
        "reporting",
        "scoring",
        "training",
        "validation",
    },
    "illustrating": {"datasets", "evaluation", "experiment", "fitting", "records", "reporting", "scoring", "training"},
    "run": {
        "averaging",
        "config",
        "datasets",
        "experiment",
        "fitting",
        "illustrating",
        "keeping",
        "learners",
        "preprocessing.target",
        "recording",
        "records",
        "scoring",
        "snapshots",
        "training",
        "validation",
    },
    "trusting": {"datasets.trust", "experiment", "records"},
    "snapshots": {
        "config",
        "datasets",
        "experiment",
        "keeping",
        "recording",
        "records",
        "reporting",
        "scoring",
        "training",
    },
    "reproducing": {"config", "records", "run", "training", "trusting"},
    "retraining": {"config", "datasets", "experiment", "records", "run", "trusting"},
    "resuming": {
        "config",
        "datasets",
        "keeping",
        "learners",
        "recording",
        "records",
        "run",
        "training",
        "trusting",
    },
    "predicting": {
        "config",
        "datasets",
        "ensembling",
        "evaluation",
        "experiment",
        "learners",
        "models",
        "preprocessing",
        "records",
        "training",
    },
    "api": {
        "cli",
        "config",
        "datasets",
        "ensembling",
        "evaluation",
        "experiment",
        "predicting",
        "records",
        "run",
        "training",
        "trusting",
        "tuning",
    },
    "__init__": {"api"},
}
"""What each part may import beside itself and the foundation; a family stands for all of it. `cli` may import all."""


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
            yield node.module or "", node.lineno, id(node) not in lazy


def part_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def permitted(module: str, part: str) -> bool:
    """Whether a part may import a module of dlrun, given without `dlrun.`."""
    family = module.split(".")[0]
    if part in {"cli", "__main__"} or family in FOUNDATION or family == part:
        return True
    return any(module == name or module.startswith(f"{name}.") for name in ALLOWED[part])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_flow(path: Path) -> None:
    wrong = [
        f"line {line}: {module}"
        for module, line, _ in imports(path)
        if module.split(".")[0] == "dlrun"
        and not permitted(module.removeprefix("dlrun").removeprefix("."), part_of(path))
    ]
    assert not wrong


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
    assert importing <= {"training/engines"}


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
