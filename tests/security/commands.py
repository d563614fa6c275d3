"""The commands that take what somebody hands over, and what each of them may write."""

from __future__ import annotations

from dataclasses import dataclass

import contents
import numpy as np

ID = r"\d{8}-\d{6}-[\w.-]+"
NEW_RUN = rf"runs/{ID}(/.*)?"
LEDGER = r"runs/ledger\.jsonl"


@dataclass(frozen=True)
class Command:
    """A command that takes a run.

    Args:
        arguments: Behind `dlrun`; `{run}`, `{path}` and `{other}` stand for the id, the path and another run's id,
            `{data}` and `{new}` for its data and for new rows.
        kinds: What it may be given.
        writes: What it may write, as patterns of paths below the folder that it works in.
        trains: Whether it carries out what a config asks for, however long that takes.
        weight: How much more often than others it is drawn.
    """

    arguments: tuple[str, ...]
    kinds: tuple[str, ...]
    writes: tuple[str, ...] = ()
    trains: bool = False
    weight: float = 1.0

    @property
    def name(self) -> str:
        return " ".join(argument for argument in self.arguments if "{" not in argument)


ESTIMATORS = ("linear", "forest", "numbers", "table")
DONE = (*ESTIMATORS, "network", "study", "ensemble")
FOLDERS = (*DONE, "stopped")
TRAINED = (NEW_RUN, LEDGER)
COMMANDS = (
    Command(("show", "{run}"), FOLDERS, weight=2),
    Command(("show", "{run}", "--json"), FOLDERS),
    Command(("show", "best"), FOLDERS),
    Command(("show", "{run}", "--best-config"), ("study",)),
    Command(("ls",), FOLDERS, weight=2),
    Command(("ls", "--json"), FOLDERS),
    Command(("logs", "{run}"), FOLDERS),
    Command(("predict", "{path}", "{new}", "-o", "out.csv"), (*DONE, "bundle"), (r"out\.csv",), weight=4),
    Command(("evaluate", "{path}", "{data}"), (*DONE, "bundle"), (LEDGER,), weight=2),
    Command(("python:load", "{path}", "{new}"), (*DONE, "bundle"), weight=2),
    Command(("export", "{run}", "-o", "out.zip"), DONE, (r"out\.zip",), weight=2),
    Command(("export", "{run}", "--best", "-o", "best.yaml"), ("study",), (r"best\.yaml",)),
    Command(("ensemble", "{run}", "{other}"), DONE, TRAINED, trains=True),
    Command(("ensemble", "{run}", "--top", "2"), ("study",), TRAINED, trains=True),
    Command(("ensemble", "{run}", "{other}", "--snapshots"), ("network",), TRAINED, trains=True),
    Command(("check", "{path}/config.yaml"), FOLDERS),
    Command(("train", "{path}/config.yaml"), ESTIMATORS, TRAINED, trains=True),
    Command(("train", "{path}/best.yaml"), ("study",), TRAINED, trains=True, weight=0.5),
    Command(("reproduce", "{run}"), (*ESTIMATORS, "ensemble", "study"), TRAINED, trains=True),
    Command(("resume", "{run}"), ("stopped",), TRAINED, trains=True, weight=3),
    Command(("resume", "{run}", "--force"), FOLDERS, TRAINED, trains=True),
    Command(("tune", "--study", "{run}", "-j", "1"), ("study",), TRAINED, trains=True),
    Command(("tune", "--study", "{run}", "-j", "1", "--trials", "4"), ("study",), TRAINED, trains=True, weight=0.5),
    Command(("rm", "{run}", "-y"), FOLDERS, weight=2),
    Command(("gc", "-y"), FOLDERS),
    Command(("gc", "-y", "--budget", "100GB"), FOLDERS),
    Command(("gc", "--dry-run", "--budget", "0B"), FOLDERS),
)

_ABSENT_IN_RUN = (
    ".lock", "resumed.jsonl", "history.csv", "checkpoints", "checkpoints/last", "checkpoints/fits", "tensorboard",
    "tensorboard/training", "predictions", "model", "model/model.keras", "plots", "plots/curves.png", "metrics.json",
    "snapshots", "output.log", "overrides.yaml",
)  # fmt: skip
_ABSENT = {
    "study": (
        "running.json",
        "shared",
        "shared/x.npy",
        "plots",
        "trials/x",
        "final/x",
        "workers.log",
        "selection.json",
    ),
    "ensemble": (*_ABSENT_IN_RUN, "members", "refits"),
    "bundle": (),
}
"""What is not there, and what commands may make, or look for."""


def absent(kind: str) -> tuple[str, ...]:
    """Return what is not in a folder of a kind, and what commands may make there, or look for."""
    return _ABSENT.get(kind, _ABSENT_IN_RUN)


def drawn(random: np.random.Generator, kind: str | None = None, command: str | None = None) -> tuple[str, Command]:
    """Draw what is handed over, and a command that takes it, unless they are given."""
    taken = {name for known in COMMANDS if command in (None, known.name) for name in known.kinds}
    kinds = [name for name in (*FOLDERS, "bundle") if kind in (None, name) and name in taken]
    if not kinds:
        raise ValueError(f"{command or 'no command'} takes no {kind or 'run'}")
    chosen = str(contents.picked(random, kinds))
    known = [one for one in COMMANDS if chosen in one.kinds and command in (None, one.name)]
    weights = np.array([one.weight for one in known])
    return chosen, known[int(random.choice(len(known), p=weights / weights.sum()))]
