"""Finding: which file a config is read from, and its text."""

from __future__ import annotations

from pathlib import Path

from dlrun.base.text import printable
from dlrun.base.words import clip, nearest
from dlrun.config.read import MOST_BYTES
from dlrun.errors import ConfigError, Problem

QUICKSTART = Path(__file__).with_name("quickstart.yaml")
"""The experiment that dlrun brings along: scikit-learn's digits, which need no download."""

_CANDIDATES = (Path("config.yaml"), Path("configs/default.yaml"))


def find(config: str | Path | None = None) -> Path:
    """Return the file of a config.

    Args:
        config: What the user named; without it, the first of `./config.yaml`, `./configs/default.yaml` and the packaged
            quickstart that exists.

    Raises:
        ConfigError: There is no such file.
    """
    if config is None:
        return next((candidate for candidate in _CANDIDATES if candidate.is_file()), QUICKSTART)
    path = Path(config)
    name = clip(path, 200)
    try:
        if path.is_dir():
            raise _unusable(name, "a folder, expected a YAML file", _inside(path))
        if not path.exists():
            if path.is_symlink():
                raise _unusable(name, f"a link to '{clip(path.readlink())}', which does not exist")
            raise _unusable(name, "there is no such file", _similar(path))
    except (OSError, ValueError) as error:
        raise _unusable(name, f"cannot be looked up: {_reason(error)}") from error
    return path


def name_of(source: Path) -> str:
    """Return what messages call a file."""
    return "quickstart.yaml (packaged with dlrun)" if source == QUICKSTART else printable(str(source))


def read_text(source: Path, name: str) -> str:
    """Read the text of a config.

    Args:
        source: The file.
        name: What messages call it.

    Raises:
        ConfigError: The file is missing, cannot be read, is too long or is not UTF-8.
    """
    try:
        with find(source).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise _unusable(name, f"cannot be read: {_reason(error)}") from error
    if len(content) > MOST_BYTES:
        raise _unusable(f"{name}:1:1", f"a config is at most {MOST_BYTES // 1_000_000} MB long")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, len(before[before.rfind(b"\n") + 1 :].decode()) + 1
        message = f"byte 0x{content[error.start]:02x} is not UTF-8"
        raise _unusable(f"{name}:{line}:{column}", message, "Save the file as UTF-8.") from error


def _unusable(place: str, message: str, hint: str = "") -> ConfigError:
    return ConfigError([Problem(place, "", f"{message}." if hint else message, hint)])


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _similar(path: Path) -> str:
    """Ask whether another YAML file of the same folder was meant."""
    if not path.parent.is_dir():
        return f"There is no folder '{clip(path.parent)}'."
    files = (file.name for file in path.parent.iterdir() if file.suffix in (".yaml", ".yml") and file.exists())
    near = nearest(path.name, files)
    return f"Did you mean '{path.parent / near}'?" if near else ""


def _inside(path: Path) -> str:
    config = path / "config.yaml"
    return f"Did you mean '{config}'?" if config.is_file() else ""
