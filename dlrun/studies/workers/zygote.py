"""The zygote: imports TensorFlow and loads the data once, then forks workers; each does one job, or several short ones.

`zygote_start.py` runs it, with a socket and the number of its parent. It never computes anything itself, so that no
thread is alive when it forks: a worker starts in milliseconds, shares the memory of what was loaded, and gives all of
its own back when its work is done. A worker that crashes takes nobody along. Zygote and workers end with the driver,
even when it is killed: the kernel tells each when its parent has died.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from dlrun.base import interruption
from dlrun.base.limits import bound_loading, death, is_death_by_memory, out_of_memory, own
from dlrun.errors import DlrunError, OutOfMemory, OutOfResources
from dlrun.experiment.datasets.checks import check_values
from dlrun.experiment.datasets.shared import is_table, read_dataset, stored_fingerprint, write_dataset
from dlrun.experiment.datasets.trust import decide
from dlrun.experiment.validation.parts_report import check_parts
from dlrun.studies.checking import check_objectives
from dlrun.studies.workers.channel import Channel, Message, readable
from dlrun.studies.workers.job import Job
from dlrun.studies.workers.worker import Shared, work

if TYPE_CHECKING:
    from dlrun.experiment.experiment import Experiment

_PR_SET_PDEATHSIG = 1

_REFUSED = 3
"""Exit code of the process that loads the data if they cannot be used."""

_LATER_MODULES = (
    "dlrun.experiment.load",
    "dlrun.runs.record",
    "dlrun.runs.run",
    "dlrun.studies.plots",
    "dlrun.studies.rescore",
    "dlrun.reports.tensorboard",
    "numpy",
    "yaml",
)
_NETWORK_MODULES = (
    "dlrun.learners.engines.memory",
    "dlrun.learners.engines.resident",
    "dlrun.learners.engines.streaming",
    "safetensors.numpy",
    "h5py",
)
_ESTIMATOR_MODULES = ("sklearn.ensemble", "sklearn.linear_model", "sklearn.multioutput", "skops.io")
_COMMON_MODULES = ("scipy.stats", "sklearn.model_selection", "tensorboardX.event_file_writer", "tensorboardX.summary")
"""What runs import when they need it; imported here it costs once what it would cost in every trial."""


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies; where the kernel cannot, closed sockets end it.

    Args:
        parent: Number of the process that is expected to be the parent.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel was asked
        os._exit(1)


def main() -> None:
    """Serve one driver."""
    descriptor, parent = int(sys.argv[1]), int(sys.argv[2])
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()  # until all is loaded; hardly anything of it is garbage
    bound_loading()
    control = Channel(socket.socket(fileno=descriptor))
    try:
        _serve(control)
    except Exception as error:  # noqa: BLE001 - what has no words of its own is written to the study's workers.log
        if not _refuse(error, control):
            traceback.print_exc()
            sys.exit(1)


def _serve(control: Channel) -> None:
    """Load what workers share, and fork them until the driver closes the connection."""
    shared = _prepare(control.wait()[0], control)
    if shared is None:
        return
    gc.freeze()  # a collection in a worker would touch, and so copy, every page of what was loaded here
    gc.enable()
    data = None if shared.folder is None else stored_fingerprint(shared.folder)
    control.send({"event": "ready", "data": data})
    _Zygote(control, shared).serve()


def _refuse(error: Exception, control: Channel) -> bool:
    """Tell the driver why there can be no workers, if that can be told in words; return whether it was."""
    known = own(error)
    if not isinstance(known, DlrunError):
        return False
    event = "exhausted" if isinstance(known, OutOfResources | OutOfMemory) else "refused"
    control.send({"event": event, "message": known.message, "remedy": known.remedy})
    return True


def _prepare(order: Message, control: Channel) -> Shared | None:
    """Import what the trials will need, and load the data if the driver says that all can share them.

    Returns:
        What workers share; None if the data cannot be used, of which the driver was told.
    """
    import importlib

    from dlrun.config.load import validate
    from dlrun.config.marks import Mark, Marks
    from dlrun.config.write import to_yaml
    from dlrun.experiment.experiment import Experiment

    marks = Marks()
    marks.put((), Mark("", (0, 0)))
    experiment = validate(order["config"], marks, Experiment)
    decide(None if order["trusted"] else "the study")
    # The data may be loaded by code that imports what the driver could; behind all that is installed, so that a module
    # of the same name takes the place of none.
    sys.path += [folder for folder in order["path"] if folder not in sys.path]
    folder = None if order["share"] is None else Path(order["share"])
    loaded = None if folder is None else _begin_to_load(experiment, folder, order["objectives"], control)
    network = order["network"]
    if network:
        from dlrun.learners.engines.tensorflow import preload

        preload()
    for name in (*_COMMON_MODULES, *_LATER_MODULES, *(_NETWORK_MODULES if network else _ESTIMATOR_MODULES)):
        importlib.import_module(name)
    from dlrun.records.environment import remember

    remember()
    to_yaml(experiment)  # builds validators and forms that all workers need
    if folder is None or loaded is None:
        return Shared(network=network)
    if not loaded():
        return None
    if not is_table(folder):  # importing polars starts threads, which do not survive a fork
        experiment.validation.split(read_dataset(folder), experiment.seed)  # scikit-learn looks things up once
    return Shared(order["config"]["dataset"], folder, network)


def _begin_to_load(
    experiment: Experiment, folder: Path, objectives: Sequence[str], control: Channel
) -> Callable[[], bool]:
    """Load the data in a process of its own, whose threads and memory go with it, and leave them to be mapped.

    Returns:
        Waits until it is done, and tells whether the data can be used; if not, the driver was told at once.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        die_with_parent(parent)
        _be_loader(experiment, folder, objectives, control)

    def wait() -> bool:
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if is_death_by_memory(code):
            raise out_of_memory(f"the process that loads the data has died: {death(code)}")
        if code not in (0, _REFUSED):
            raise RuntimeError(f"the process that loads the data ended with {code}")
        return code == 0

    return wait


def _be_loader(experiment: Experiment, folder: Path, objectives: Sequence[str], control: Channel) -> NoReturn:
    """Load, check and write the data, and end."""
    code = 1
    try:
        dataset = experiment.dataset.load()
        check_values(dataset)
        plan = experiment.validation.split(dataset, experiment.seed)
        check_parts(dataset, plan)
        check_objectives(experiment, dataset, plan, objectives)
        write_dataset(dataset, folder)
        code = 0
    except Exception as error:  # noqa: BLE001 - what has no words of its own is written to the study's workers.log
        if _refuse(error, control):
            code = _REFUSED
        else:
            traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


class _Zygote:
    """Forks workers and tells how they ended.

    Args:
        control: Leads to the driver.
        shared: What was loaded.
    """

    def __init__(self, control: Channel, shared: Shared) -> None:
        self._control = control
        self._shared = shared
        self._names: dict[int, str] = {}
        self._connections: list[int] = []

    def serve(self) -> None:
        """Take jobs until the driver closes the connection."""
        woken, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        while not self._control.over:
            ready = readable([self._control, woken])
            if woken in ready:
                os.read(woken, 512)
                self._collect()
            if self._control in ready:
                messages, connections = self._control.receive_with_files()
                self._connections += connections
                for message in messages:
                    self._fork(message, self._connections.pop(0))

    def _collect(self) -> None:
        """Tell of every worker that has ended, and how."""
        while self._names:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            manner = death(os.waitstatus_to_exitcode(status))
            self._control.send({"event": "exit", "worker": self._names.pop(pid), "manner": manner})

    def _fork(self, message: Message, connection: int) -> None:
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:  # the driver finds the connection closed, and hears why
            os.close(connection)
            self._control.send({"event": "exit", "worker": message["worker"], "manner": str(own(error))})
            return
        if pid == 0:
            self._control.close()
            _work(message, connection, parent, self._shared)
        os.close(connection)
        self._names[pid] = message["worker"]
        self._control.send({"event": "forked", "worker": message["worker"], "pid": pid})


def _work(message: Message, connection: int, parent: int, shared: Shared) -> NoReturn:
    """Be a worker: do what there is to do and end."""
    code = 1
    try:
        die_with_parent(parent)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, _interrupt)
        os.environ.update(message["environment"])
        channel = Channel(socket.socket(fileno=connection))
        work(Job.of_message(message["job"]), shared, channel)
        code = 0
    finally:
        os._exit(code)  # Python's own way out would run what the zygote has registered, and take TensorFlow apart


def _interrupt(number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    interruption.arrive(number)
