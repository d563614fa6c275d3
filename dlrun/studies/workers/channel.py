"""Channel: messages between the driver, the zygote and the workers; one JSON object a line over a socket."""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
from collections.abc import Sequence
from typing import Any

Message = dict[str, Any]

_CHUNK = 1 << 16


class Channel:
    """One end of a connection.

    Args:
        connection: A connected stream socket, which the channel owns from now on.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._rest = b""
        self.over = False

    def fileno(self) -> int:
        """Number of the socket, so that a selector can wait for it."""
        return self._socket.fileno()

    def send(self, message: Message, *, descriptors: tuple[int, ...] = ()) -> bool:
        """Send a message; return whether the other end is still there.

        Args:
            message: Plain values.
            descriptors: Open files to hand over with it.
        """
        content = json.dumps(message).encode() + b"\n"
        try:
            if descriptors:
                sent = socket.send_fds(self._socket, [content], list(descriptors))
                content = content[sent:]
            self._socket.sendall(content)
        except OSError:
            self.over = True
        return not self.over

    def receive(self) -> list[Message]:
        """Return the messages that have come; waits for the first bytes, so ask a selector before.

        `over` becomes true when the other end has closed; a message that was cut off is dropped.
        """
        return self._complete(self._read())

    def wait(self, seconds: float | None = None) -> list[Message]:
        """Wait until a whole message has come or the other end has closed; empty if neither happens in time."""
        messages: list[Message] = []
        while not messages and not self.over:
            if seconds is not None and not readable([self], seconds):
                break
            messages = self.receive()
        return messages

    def receive_with_files(self) -> tuple[list[Message], list[int]]:
        """Return the messages that have come and the open files that were handed over, in the order of the messages."""
        try:
            content, descriptors, _, _ = socket.recv_fds(self._socket, _CHUNK, 16)
        except OSError:
            content, descriptors = b"", []
        return self._complete(content), list(descriptors)

    def close(self) -> None:
        """Close this end."""
        with contextlib.suppress(OSError):
            self._socket.close()

    def _read(self) -> bytes:
        try:
            return self._socket.recv(_CHUNK)
        except OSError:
            return b""

    def _complete(self, content: bytes) -> list[Message]:
        if not content:
            self.over = True
            return []
        *lines, self._rest = (self._rest + content).split(b"\n")
        return [json.loads(line) for line in lines]


def readable(files: Sequence[Channel | int], seconds: float | None = None) -> list[Channel | int]:
    """Wait until something can be read.

    Unlike `select.select`, this works for a process that holds more than 1,024 files open.

    Args:
        files: What to wait for.
        seconds: How long; None for as long as it takes.

    Returns:
        Those of `files` that can be read; none if nothing came in time.
    """
    with selectors.PollSelector() as selector:  # takes no file of its own, which a process may have none left of
        for file in files:
            selector.register(file, selectors.EVENT_READ, file)
        return [key.data for key, _ in selector.select(seconds)]


def pair() -> tuple[Channel, socket.socket]:
    """Return a channel and the bare socket at its other end, which is to be handed over."""
    ours, theirs = socket.socketpair()
    return Channel(ours), theirs
