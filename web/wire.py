"""HTTP/1.1 as it comes off the wire (RFC 9112): read by llhttp, with bounds to what a connection may cost.

llhttp is written in C and costs a request half of what h11 does. It keeps a head, or the trailers of a body in chunks
(RFC 9112 7.1.2), for as long as they come, and uvicorn waits for them as long; so the bounds are set here. A customer's
request has about one thousand octets and is here within a second.
"""

import asyncio
from collections import OrderedDict
from typing import Any, ClassVar

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState


class BoundedHttp(HttpToolsProtocol):
    """One connection."""

    most_octets = 65_536
    """Of one request: head, body and trailers. Who sends more is told so (RFC 6585 5)."""
    most_seconds = 15.0
    """Until a request is here, from the connection or the last answer on; later it is told so (RFC 9110 15.5.9)."""
    most_waiting = 500
    """Connections of a process whose request is not here yet; with one more, who waits longest is hung up on."""
    _waiting: ClassVar[OrderedDict["BoundedHttp", None]] = OrderedDict()  # who waits longest is the first

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any], **more: Any) -> None:
        """Take what uvicorn gives."""
        super().__init__(config, server_state, app_state, **more)
        self._octets = 0  # since the last request was complete, without what is being read now
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the parent
        """Wait for the first request, and make room for it."""
        super().connection_made(transport)
        self._wait()
        if len(self._waiting) > self.most_waiting:
            longest, _ = self._waiting.popitem(last=False)
            longest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless this request is too long already."""
        if self.transport.is_closing():
            return
        if self._octets > self.most_octets:
            self._hang_up(TOO_LONG)
            return
        self._octets += len(data)
        super().data_received(data)

    def on_message_complete(self) -> None:
        """Count anew for the next request; what else is in this piece of data is bounded by its size."""
        self._octets = 0
        self._wait_no_more()
        super().on_message_complete()
        if self.cycle.response_complete:  # it was answered before its end
            self._wait()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        if not self.transport.is_closing():
            self._wait()

    def _wait(self) -> None:
        self._wait_no_more()
        self._waiting[self] = None
        self._patience = self.loop.call_later(self.most_seconds, self._lose_patience)

    def _wait_no_more(self) -> None:
        self._waiting.pop(self, None)
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _lose_patience(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self._hang_up(TOO_SLOW)

    def _hang_up(self, answer: bytes) -> None:
        self._unset_keepalive_if_required()
        self.transport.write(answer)
        self.transport.close()


def _answer(status: bytes, words: bytes) -> bytes:
    return (
        b"HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
        % (status, len(words), words)
    )


TOO_LONG = _answer(b"431 Request Header Fields Too Large", b"the request is too long\n")
TOO_SLOW = _answer(b"408 Request Timeout", b"the request did not come in time\n")
