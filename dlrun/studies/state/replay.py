"""Replay: a study read from its journal, without carrying it out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dlrun.experiment.tuner.search import Tuning
from dlrun.experiment.tuner.space.dimensions import Point
from dlrun.studies.state.book import Book
from dlrun.studies.state.journal import read_events
from dlrun.studies.state.trial import Trial


def read_trials(folder: Path) -> list[Trial]:
    """Read the trials of a study that may be carried out elsewhere.

    Raises:
        StorageError: The journal cannot be read or is damaged.
    """
    return Book.read(folder).table()


def repeat(folder: Path, tuner: Tuning, trial: int, *, written: Mapping[str, Any] | None = None) -> Point | None:
    """Suggest a trial of a study once more, from what its suggestion had seen.

    Args:
        folder: The study's folder.
        tuner: Its search.
        trial: Number of the trial, from 1.
        written: The complete config as nested plain values, as the study had it.

    Raises:
        StorageError: The journal cannot be read or is damaged.
        ValueError: The journal has no such trial.
    """
    events = read_events(folder)
    facts = next(events)
    sampler = tuner.sampler(facts["seed"], written or {})
    book = Book(sampler.coordinates)
    book.apply(facts)
    for event in events:
        if event["event"] == "asked" and event["trial"] == trial:
            return sampler.suggest(trial, book.history)
        book.apply(event)
    raise ValueError(f"the journal has no trial {trial}")
