"""Clock: the stages of a run, announced and measured."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from dlrun.learners.listener import Listener
from dlrun.runs.score import Outcome


@dataclass
class Clock:
    """Announces the stages and measures them; `earlier` are seconds of processes before this one."""

    listener: Listener
    started: float = field(default_factory=time.perf_counter)
    began: dict[str, float] = field(default_factory=dict)
    earlier: float = 0.0

    def stage(self, name: str) -> None:
        self.began[name] = time.perf_counter()
        self.listener.stage(name)

    @property
    def spent(self) -> float:
        """Seconds of this process so far."""
        return time.perf_counter() - self.started

    def seconds(self, outcome: Outcome) -> dict[str, float | None]:
        """Return the seconds of each stage and of all until the scores are written; `per_epoch` is the epochs' median.

        The total of a resumed run counts all processes, its stages what the last one has done.
        """
        ends = [*list(self.began.values())[1:], time.perf_counter()]
        stages = {name: end - begin for (name, begin), end in zip(self.began.items(), ends, strict=True)}
        epochs = sorted(seconds for fitted in outcome.all for seconds in fitted.fit.epoch_seconds)
        return {
            "total": self.earlier + self.spent,
            **stages,
            "per_epoch": epochs[len(epochs) // 2] if epochs else None,
        }
