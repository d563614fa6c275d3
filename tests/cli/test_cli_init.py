"""`dlrun init`."""

from __future__ import annotations

import json
import os

import pytest

from dlrun.cli.commands.init import templates
from dlrun.config.find import QUICKSTART as QUICKSTART_FILE
from dlrun.errors import StorageError
from dlrun.experiment.load import load_text

QUICKSTART = QUICKSTART_FILE.read_text(encoding="utf-8")
NAMES = [template.name for template in templates()]


@pytest.mark.parametrize("template", templates(), ids=NAMES)
def test_every_template_is_valid_and_explains_itself(template) -> None:
    loaded = load_text(template.text, f"{template.name}.yaml")
    assert loaded.experiment.seed >= 0
    first = template.text.splitlines()[0]
    assert first == f"# {template.title}"
    assert len(first) <= 120


def test_the_quickstart_is_the_default(dlrun) -> None:
    ended = dlrun("init")
    assert (ended.code, ended.err) == (0, "")
    assert "dlrun train" in ended.out
    assert (dlrun.folder / "config.yaml").read_text() == QUICKSTART
    assert NAMES[0] == "quickstart"


def test_an_existing_file_is_kept_unless_forced(dlrun) -> None:
    path = dlrun.folder / "config.yaml"
    path.write_text("mine")
    ended = dlrun("init", "trees")
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err == ("error: config.yaml exists already\nChoose another --output, or --force to overwrite it.\n")
    assert path.read_text() == "mine"
    assert dlrun("init", "trees", "--force").code == 0
    assert "gradient_boosting" in path.read_text()


def test_a_dangling_link_is_not_written_through(dlrun, tmp_path) -> None:
    (dlrun.folder / "config.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    assert dlrun("init").code == 2
    assert not (tmp_path / "elsewhere.yaml").exists()


def test_json(dlrun) -> None:
    ended = dlrun("init", "kfold", "-o", "new/wine.yaml", "--json")
    assert ended.code == 0
    assert json.loads(ended.out) == {"template": "kfold", "path": str(dlrun.folder / "new" / "wine.yaml")}
    assert "dlrun check new/wine.yaml" in ended.err
    listed = json.loads(dlrun("init", "--list", "--json").out)
    assert [entry["name"] for entry in listed["templates"]] == NAMES


def test_unknown_template(dlrun) -> None:
    ended = dlrun("init", "tree")
    assert ended.code == 2
    assert "there is no template 'tree'\nDid you mean 'trees'? Known: quickstart, " in ended.err


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs permissions that hold")
def test_a_folder_that_may_not_be_written(dlrun) -> None:
    dlrun.folder.chmod(0o500)
    try:
        ended = dlrun("init")
    finally:
        dlrun.folder.chmod(0o700)
    assert ended.code == StorageError.exit_code
    assert "permission denied" in ended.err
