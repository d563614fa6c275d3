"""Messages between the processes of a study."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from dlrun.studies.workers.channel import Channel, pair, readable

MORE_THAN_SELECT_TAKES = 1100


@pytest.fixture
def many_open_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4 * MORE_THAN_SELECT_TAKES), hard))
    with ExitStack() as stack:
        for _ in range(MORE_THAN_SELECT_TAKES):
            stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_open_files")
def test_a_process_with_more_than_1024_open_files_waits_for_messages() -> None:
    ours, bare = pair()
    theirs = Channel(bare)
    assert ours.fileno() > 1024
    assert ours.wait(0.01) == []
    assert readable([ours], 0) == []
    theirs.send({"event": "ready"})
    assert readable([ours], 5) == [ours]
    assert ours.wait(5) == [{"event": "ready"}]
    theirs.close()
    assert ours.wait(5) == []
    assert ours.over
    ours.close()
