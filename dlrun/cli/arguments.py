"""The config that a command line means, and the places of what turns out wrong with it later."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dlrun.base.text import printable
from dlrun.errors import ConfigError, DataError, ModelError, UsageError

if TYPE_CHECKING:
    from dlrun.experiment.load import LoadedConfig

_PATH = re.compile(r"(dataset|preprocessing|model|optimizer|training|validation|evaluation)(\.\w+)+")


def split_arguments(first: str | None, others: Sequence[str]) -> tuple[str | None, list[str]]:
    """Tell the config from the overrides.

    Args:
        first: The first argument: a config, or already an override.
        others: The arguments behind it.

    Returns:
        The config, or None if none is named, and the overrides.

    Raises:
        UsageError: An argument is neither.
    """
    is_config = first is not None and ("=" not in first or Path(first).is_file())
    config = first if is_config else None
    overrides = [*others] if is_config or first is None else [first, *others]
    for override in overrides:
        if "=" not in override:
            raise UsageError(
                f"'{printable(override)}' is no override: expected KEY.PATH=VALUE",
                remedy="Write one config first, then overrides such as training.epochs=20; put what holds spaces into "
                "quotes.",
            )
    return config, overrides


def as_overrides(name: str | None, seed: int | None) -> list[str]:
    """Return the overrides that the options `--name` and `--seed` stand for; None of an option that is not given.

    Raises:
        UsageError: No folder can be named so.
    """
    from dlrun.records.folder import check_name

    named = [] if name is None else [f"name={json.dumps(check_name(name))}"]
    return named + ([] if seed is None else [f"seed={seed}"])


def load_config(
    first: str | None, others: Sequence[str], further: Sequence[str] = (), *, trust: bool = False
) -> LoadedConfig:
    """Read and validate the config that a command line means.

    Args:
        first: The first argument: a config, or already an override.
        others: The arguments behind it.
        further: Overrides that options stand for.
        trust: Whether a config that lies in a run folder may name code to run.

    Raises:
        UsageError: An argument is neither config nor override, or the config is not to be trusted.
        ConfigError: With every problem of the config.
    """
    named, overrides = split_arguments(first, others)
    from dlrun.config.find import find
    from dlrun.experiment.load import load
    from dlrun.runs.trust import require_own_file, require_trust_in

    path = find(named)
    require_own_file(path)
    loaded = load(path, [*overrides, *further])
    require_trust_in(loaded.experiment, path, trusted=trust)
    return loaded


@contextmanager
def placing(loaded: LoadedConfig) -> Iterator[None]:
    """Add the place in the file to errors that name a setting but came after the file was read.

    Args:
        loaded: The config.
    """
    try:
        yield
    except ConfigError as error:
        raise ConfigError(
            [
                replace(problem, place=loaded.place(problem.path)) if problem.path and not problem.place else problem
                for problem in error.problems
            ]
        ) from error
    except (DataError, ModelError, UsageError) as error:
        path = _PATH.match(error.message)
        if path is None or path.group(1) not in loaded.data:
            raise
        raise type(error)(f"{loaded.place(path.group())}: {error.message}", remedy=error.remedy) from error
