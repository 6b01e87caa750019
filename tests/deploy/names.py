"""A name server for one name, whose addresses change."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

_HEADER = struct.Struct("!6H")
_RESPONSE = 0x8580  # authoritative, and recursion was asked for and is available
_TYPE_A = 1
_SECONDS_TO_LIVE = 1


class NameServer:
    """Answers every question for an IPv4 address with all that there are (RFC 1035)."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.addresses: list[str] = []

    def answer(self, query: bytes) -> bytes:
        """Return the message that answers a message of one question."""
        number = _HEADER.unpack_from(query)[0]
        end = query.index(b"\0", _HEADER.size) + 5
        question = query[_HEADER.size : end]
        asks_for_a = struct.unpack("!H", question[-4:-2])[0] == _TYPE_A
        addresses = self.addresses if asks_for_a else []
        records = [
            # The name is the one at byte 12, that of the question.
            struct.pack("!HHHIH", 0xC00C, _TYPE_A, 1, _SECONDS_TO_LIVE, 4) + socket.inet_aton(one)
            for one in addresses
        ]
        header = _HEADER.pack(number, _RESPONSE, 1, len(records), 0, 0)
        return header + question + b"".join(records)


@contextlib.contextmanager
def name_server() -> Iterator[NameServer]:
    """Run a name server on a loopback port for as long as the context lasts."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.bind(("127.0.0.1", 0))
        server = NameServer(asked.getsockname()[1])

        def serve() -> None:
            while query_and_sender := asked.recvfrom(512):
                query, sender = query_and_sender
                if not query:
                    return
                asked.sendto(server.answer(query), sender)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server
        finally:
            asked.sendto(b"", asked.getsockname())
            thread.join()
