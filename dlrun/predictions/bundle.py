"""Bundling: the files of a run that predictions need, as one zip archive that predicts on another machine.

The archive holds numbers, JSON and the config, and neither rows nor true values of the data. The same run gives the
same bytes.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from dlrun.base import files
from dlrun.base.text import json_text
from dlrun.base.version import __version__
from dlrun.errors import UsageError
from dlrun.experiment.experiment import Experiment
from dlrun.predictions.description import Description
from dlrun.predictions.load import (
    COMBINATION,
    DIFFERENCES,
    RATIOS,
    RESIDUALS,
    describe,
    fit_files,
    fit_names,
    open_members,
    read_experiment,
    residuals,
)
from dlrun.records.kinds import MEMBERS
from dlrun.records.stored import FORMAT, MANIFEST, Stored, folder_of_member

_MOST_RESIDUALS = 2001
"""Quantiles of the residuals that a bundle holds at most; their bounds stay within a thousandth of the share."""


def bundle(stored: Stored, path: Path) -> int:
    """Write the bundle of a run.

    Args:
        stored: The files of the run.
        path: The zip archive; an existing one is replaced.

    Returns:
        The size of the archive in bytes.

    Raises:
        UsageError: The name does not end in `.zip`, or the folder does not exist.
        StorageError: A file of the run is missing or damaged, or the archive cannot be written.
    """
    if path.suffix.lower() != ".zip" or path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"'{path}' cannot be the file of a bundle", remedy="Name a .zip file in a folder that exists.")
    contents = needed_files(stored)
    manifest = {
        "format": FORMAT,
        "id": stored.id,
        "dlrun": __version__,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(contents.items())},
    }
    with files.publish(path.absolute()) as temporary:
        _write(temporary, {MANIFEST: (json_text(manifest) + "\n").encode(), **contents})
        return temporary.stat().st_size


def needed_files(stored: Stored) -> dict[str, bytes]:
    """Read every file of a run or an ensemble that its predictor needs, by its path inside the bundle.

    Raises:
        StorageError: A file is missing or damaged.
    """
    if not stored.has(MEMBERS):
        return _files_of_run(stored)
    members = open_members(stored)
    contents = {name: stored.read(name) for name in (MEMBERS, COMBINATION, "dataset.json")}
    for position, member in enumerate(members):
        own = _files_of_run(member)
        contents |= {f"{folder_of_member(position)}/{name}": content for name, content in own.items()}
    experiments = [read_experiment(member) for member in members]
    return contents | _residuals(stored, describe(stored, experiments[0]), experiments)


def _files_of_run(stored: Stored) -> dict[str, bytes]:
    experiment = read_experiment(stored)
    names = ["config.yaml", "dataset.json"]
    for fit, name in fit_names(stored, experiment):
        names += fit_files(experiment, fit, name)
    return {name: stored.read(name) for name in names} | _residuals(stored, describe(stored, experiment), [experiment])


def _residuals(stored: Stored, description: Description, experiments: Sequence[Experiment]) -> dict[str, bytes]:
    found = residuals(stored, description.facts, experiments)
    if found is None:
        return {}
    places = np.linspace(0, len(found.values) - 1, min(len(found.values), _MOST_RESIDUALS)).round().astype(int)
    arrays = {RATIOS if found.logarithmic else DIFFERENCES: found.values[places]}
    arrays |= {"lowest": np.array([found.lowest])} if found.logarithmic else {}
    return {RESIDUALS: files.npz_bytes(arrays)}


def _write(path: Path, contents: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in contents.items():
            entry = files.undated(name)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
