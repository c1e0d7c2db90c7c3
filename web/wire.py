"""HTTP/1.1 as it comes off the wire (RFC 9112): read by llhttp, with a bound to what one request may be.

llhttp is written in C and costs a request half of what h11 does. It keeps a head, or the trailers of a body in chunks
(RFC 9112 7.1.2), for as long as they come, so the bound is set here.
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_REQUEST_OCTETS = 65_536  # head, body and trailers; a customer's request has about one thousand


class BoundedHttp(HttpToolsProtocol):
    """One connection. Who sends a longer request is told so (RFC 6585 5) and hung up on."""

    _octets = 0
    """What came since the last request was complete, without what is being read now."""

    def data_received(self, data: bytes) -> None:
        """Read on, unless this request is too long already."""
        if self.transport.is_closing():
            return
        if self._octets > MOST_REQUEST_OCTETS:
            self._unset_keepalive_if_required()
            self.transport.write(TOO_LONG)
            self.transport.close()
            return
        self._octets += len(data)
        super().data_received(data)

    def on_message_complete(self) -> None:
        """Begin to count anew; what else is in this piece of data is bounded by its size."""
        self._octets = 0
        super().on_message_complete()


_WORDS = b"the request is too long\n"
TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(_WORDS), _WORDS)
)
