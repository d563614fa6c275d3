"""Which file a config is read from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dlrun.config.find import QUICKSTART, find, name_of, read_text
from dlrun.errors import ConfigError


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_a_name_the_nearest_config_is_found() -> None:
    assert find(None) == QUICKSTART
    Path("configs").mkdir()
    Path("configs/default.yaml").write_text("")
    assert find(None) == Path("configs/default.yaml")
    Path("config.yaml").write_text("")
    assert find(None) == Path("config.yaml")


def test_a_folder_of_that_name_is_passed_over() -> None:
    Path("config.yaml").mkdir()
    assert find(None) == QUICKSTART


def test_names_say_where_a_config_comes_from() -> None:
    assert name_of(QUICKSTART) == "quickstart.yaml (packaged with dlrun)"
    assert name_of(Path("a/b.yaml")) == str(Path("a/b.yaml"))


def problem_of(config: str) -> str:
    with pytest.raises(ConfigError) as raised:
        read_text(find(config), config)
    (problem,) = raised.value.problems
    return str(problem)


def test_a_missing_file_names_the_nearest_one() -> None:
    Path("digits.yaml").write_text("")
    assert problem_of("digit.yaml") == "digit.yaml: there is no such file. Did you mean 'digits.yaml'?"
    assert problem_of("zzz.yaml") == "zzz.yaml: there is no such file"
    assert problem_of("nowhere/a.yaml") == "nowhere/a.yaml: there is no such file. There is no folder 'nowhere'."


def test_a_folder_is_no_config() -> None:
    Path("runs").mkdir()
    assert problem_of("runs") == "runs: a folder, expected a YAML file"
    Path("runs/config.yaml").write_text("")
    assert problem_of("runs") == "runs: a folder, expected a YAML file. Did you mean 'runs/config.yaml'?"


def test_impossible_names_are_refused() -> None:
    assert problem_of("a" * 5000).endswith("...: cannot be looked up: File name too long")
    assert problem_of("a\0b") == "a\\x00b: there is no such file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_says_so() -> None:
    Path("secret.yaml").write_text("")
    Path("secret.yaml").chmod(0)
    assert problem_of("secret.yaml") == "secret.yaml: cannot be read: Permission denied"


def test_endless_files_are_not_read_to_their_end() -> None:
    assert problem_of("/dev/zero") == "/dev/zero:1:1: a config is at most 1 MB long"


def test_text_is_returned_as_it_is() -> None:
    Path("a.yaml").write_bytes("é: 1\r\n".encode())
    assert read_text(Path("a.yaml"), "a.yaml") == "é: 1\r\n"


def test_bytes_that_are_no_utf8_are_placed() -> None:
    Path("a.yaml").write_bytes("a: 1\né: ".encode() + b"\xff")
    assert problem_of("a.yaml") == "a.yaml:2:4: byte 0xff is not UTF-8. Save the file as UTF-8."
    Path("a.yaml").write_bytes("a: 1".encode("utf-16"))
    assert problem_of("a.yaml").startswith("a.yaml:1:1: byte 0xff is not UTF-8.")
