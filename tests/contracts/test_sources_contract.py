"""What every kind of dataset promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from dlrun.base.settings import members
from dlrun.config.docs import descriptions
from dlrun.errors import DataError
from dlrun.experiment.datasets.sources.source import Source
from dlrun.experiment.datasets.sources.sources import DatasetSource

SOURCES = members(DatasetSource)
WITHOUT_ROWS = {"memory"}
"""Kinds whose rows are given from Python."""

WITH_FILE = {"npz": {}, "csv": {"target": "y"}, "parquet": {"target": "y"}, "python": {}}


def made(kind: str, **settings: Any) -> Source:
    required = {"path": "missing", **WITH_FILE[kind]} if kind in WITH_FILE else {}
    source: Source = TypeAdapter(DatasetSource).validate_python({"kind": kind, **required, **settings})
    return source


@pytest.mark.parametrize("kind", sorted(SOURCES))
def test_settings_that_leave_rows_alone_may_be_searched(kind: str) -> None:
    source = SOURCES[kind]
    assert issubclass(source, Source)
    assert source.of_inputs <= source.model_fields.keys()
    assert not source.of_inputs & {"path", "target", "limit", "task", "kind"}


@pytest.mark.parametrize("kind", sorted(SOURCES))
def test_source_is_documented(kind: str) -> None:
    source = SOURCES[kind]
    assert issubclass(source, Source)
    assert source.__doc__
    assert next(iter(source.model_fields)) == "kind"
    assert set(source.model_fields) - set(descriptions(source)) == {"kind"}


@pytest.mark.parametrize("kind", sorted(SOURCES))
def test_settings_come_back_from_what_is_written(kind: str) -> None:
    source = made(kind, limit=7)
    written = TypeAdapter(DatasetSource).dump_python(source, mode="json")
    assert written["kind"] == kind
    assert TypeAdapter(DatasetSource).validate_python(written) == source


@pytest.mark.parametrize("kind", sorted(set(SOURCES) - set(WITH_FILE) - WITHOUT_ROWS))
def test_bare_name_is_enough_and_facts_are_known(kind: str) -> None:
    source: Source = TypeAdapter(DatasetSource).validate_python(kind)
    facts = source.facts()
    assert facts is not None
    assert facts.num_rows > facts.num_own_test_rows >= 0
    assert facts.num_outputs >= (3 if facts.task == "multiclass" else 1)
    limited = made(kind, limit=5).facts()
    assert limited is not None
    assert limited.num_rows == (10 if facts.num_own_test_rows else 5)


@pytest.mark.parametrize("kind", sorted(WITH_FILE))
def test_missing_file_is_named_in_full(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for ask in (made(kind).load, made(kind).facts):
        with pytest.raises(DataError, match=str(tmp_path / "missing")):
            ask()


@pytest.mark.parametrize("kind", sorted(SOURCES))
@pytest.mark.parametrize(
    "settings", [{"limit": 0}, {"task": "ranking"}, {"target_transform": "root"}, {"shuffle": True}]
)
def test_wrong_settings_are_refused(kind: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        made(kind, **settings)


def test_schema_names_every_kind() -> None:
    schema = TypeAdapter(DatasetSource).json_schema()
    assert set(schema["anyOf"][0]["enum"]) == set(SOURCES)


def test_modules_load_without_heavy_packages(repository: Path) -> None:
    heavy = ("polars", "sklearn", "scipy", "keras", "tensorflow", "matplotlib")
    code = (
        "import sys\n"
        "from dlrun.experiment.datasets.sources import sources\n"
        "from dlrun.experiment.preprocessing import preprocessing, target\n"
        "from dlrun.experiment.validation import describe\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
