"""dlrun: one YAML file, one honest deep-learning experiment.

`dlrun.train`, `dlrun.tune`, `dlrun.ensemble` and `dlrun.load` do from Python what the commands do; they are imported
when first used.
"""

import os
from typing import TYPE_CHECKING, Any

from dlrun.base.version import __version__

if TYPE_CHECKING:
    from dlrun.api import ensemble, load, train, tune

# Threads of OpenMP that wait for one another spin by default, which takes the processor from those they wait for:
# beside other work a fit of boosted trees took twenty times as long. The library reads this when it is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__all__ = ["__version__", "ensemble", "load", "train", "tune"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from dlrun import api

        return getattr(api, name)
    raise AttributeError(f"module 'dlrun' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
