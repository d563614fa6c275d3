"""One door: what lies in the folder of a run is opened, listed and removed by `base/inside.py` and by nothing else.

The syntax tree of every module that handles runs is searched for calls to the file system on paths. An `Inside` is no
path and cannot be opened by its name, which mypy checks; so what is left to find are paths that were made otherwise.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "dlrun"
MODULES = sorted(
    [
        *(
            path
            for part in ("records", "runs", "studies", "predictions", "reports", "ensembles", "cli")
            for path in (ROOT / part).rglob("*.py")
        ),
        *ROOT.glob("*.py"),
    ]
)

DOOR = {"base/files.py", "base/way.py", "base/place.py", "base/inside.py"}
"""Where descriptors are made."""

ALLOWED = {
    "records/folder.py": "makes the folder of a new run among the others",
    "records/index.py": "lists the folder of all runs",
    "records/ledger.py": "is a file beside the runs",
    "records/process.py": "reads /proc",
    "records/removal.py": "lists the folder of all runs",
    "ensembles/members/candidates.py": "finds what patterns of the user match",
    "records/stored.py": "opens the bundle that the user names",
    "predictions/bundle.py": "writes the bundle that the user names",
    "predictions/files/write.py": "writes the predictions where the user wants them",
    "cli/completion.py": "offers what lies around the user",
    "cli/arguments.py": "reads the config that the user names",
    "cli/commands/doctor.py": "looks at the machine",
    "cli/commands/ensemble.py": "tells paths of the user from settings",
    "cli/commands/export.py": "writes what the user names",
    "cli/commands/init.py": "writes a config where the user wants it",
    "cli/references.py": "tells bundles of the user from runs",
    "cli/app.py": "opens the null device",
    "cli/endless.py": "looks at the processes of the system",
    "runs/trust.py": "looks at what lies around a config that the user names",
    "api.py": "takes paths of the user",
}
"""Modules that open paths of the user, of the system or of the folder of all runs, and why."""

CALLS = {
    "os": {"open", "listdir", "scandir", "walk", "fwalk", "remove", "unlink", "rename", "replace", "rmdir", "mkdir"}
    | {"makedirs", "stat", "lstat", "truncate"},
    "os.path": {"exists", "isdir", "isfile", "islink", "lexists", "getsize"},
    "shutil": {"rmtree", "copy", "copyfile", "copytree", "move", "copy2"},
    "io": {"open"},
}
METHODS = (
    {"open", "read_text", "read_bytes", "write_text", "write_bytes", "unlink", "iterdir", "glob", "rglob", "mkdir"}
    | {"rmdir", "rename", "replace", "is_file", "is_dir", "exists", "stat", "lstat", "touch", "symlink_to"}
)  # fmt: skip


def is_path(node: ast.AST, known: set[str]) -> bool:
    """Tell whether an expression makes a path of the system: from `Path(...)`, `.path` or a name that is one."""
    if isinstance(node, ast.Name):
        return node.id in known
    if isinstance(node, ast.Attribute):
        return node.attr in {"path", "parent"} or is_path(node.value, known)
    if isinstance(node, ast.Set | ast.List | ast.Tuple):
        return any(is_path(item, known) for item in node.elts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return is_path(node.left, known) or is_path(node.right, known)
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name):
            return node.func.id == "Path"
        return (
            isinstance(node.func, ast.Attribute)
            and node.func.attr in {"with_name", "joinpath", "absolute", "resolve"}
            and is_path(node.func.value, known)
        )
    return False


def names_of_paths(function: ast.AST) -> set[str]:
    """Return the names in a function that stand for paths."""
    known: set[str] = set()
    for node in ast.walk(function):
        if (
            isinstance(node, ast.arg)
            and node.annotation is not None
            and "Path" in ast.unparse(node.annotation).split(" | ")
        ):
            known.add(node.arg)
    for node in [*ast.walk(function), *ast.walk(function)]:
        if isinstance(node, ast.For | ast.comprehension) and isinstance(node.target, ast.Name):
            known |= {node.target.id} if any(is_path(inner, known) for inner in ast.walk(node.iter)) else set()
        if isinstance(node, ast.Assign) and is_path(node.value, known):
            known |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        if isinstance(node, ast.NamedExpr) and is_path(node.value, known):
            known.add(node.target.id)
    return known


def accesses(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and the words of every call that reaches the file system by a path."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for function in functions:
        known = names_of_paths(function)
        for node in ast.walk(function):
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Name) and node.func.id == "open":
                yield node.lineno, ast.unparse(node)
            if isinstance(node.func, ast.Attribute):
                of_module = node.func.attr in CALLS.get(ast.unparse(node.func.value), ())
                if of_module or (node.func.attr in METHODS and is_path(node.func.value, known)):
                    yield node.lineno, ast.unparse(node)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_lies_in_a_run_is_reached_through_the_door_alone(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    found = list(accesses(ast.parse(path.read_text(encoding="utf-8"))))
    if name in DOOR or name in ALLOWED:
        assert found, f"{name} opens nothing, and needs no leave to"
    else:
        assert not found


@pytest.mark.parametrize(
    "code",
    [
        "def f(folder): (folder.path / 'a').unlink()",
        "def f(folder): open(folder.path)",
        "def f(path: Path): path.read_bytes()",
        "def f(folder):\n    place = folder.path.parent / 'x'\n    return place.is_dir()",
        "def f(folder): shutil.rmtree(folder.path)",
        "def f(folder): os.path.exists(folder.path)",
        "def f(run: str): Path('a', run).write_text('')",
    ],
)
def test_ways_around_the_door_are_found(code: str) -> None:
    assert list(accesses(ast.parse(code)))


@pytest.mark.parametrize(
    "code", ["def f(folder): folder.file('a').read_bytes()", "def f(folder): return folder.file('a').is_file()"]
)
def test_the_door_itself_is_none(code: str) -> None:
    assert not list(accesses(ast.parse(code)))
