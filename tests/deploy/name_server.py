"""A name server for one name, whose addresses can change."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

_HEADER = struct.Struct("!6H")
_RESPONSE_FLAGS = 0x8580  # an authoritative response; recursion desired and available
_TYPE_A = 1
_TTL_SECONDS = 1


class NameServer:
    """Responds to every query for an IPv4 address with the same addresses (RFC 1035)."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.addresses: list[str] = []

    def respond(self, query: bytes) -> bytes:
        """Return the response to a query with one question."""
        query_id = _HEADER.unpack_from(query)[0]
        question_end = query.index(b"\0", _HEADER.size) + 5
        question = query[_HEADER.size : question_end]
        query_type = struct.unpack("!H", question[-4:-2])[0]
        addresses = self.addresses if query_type == _TYPE_A else []
        records = [
            # 0xC00C points to the name in the question, at byte 12.
            struct.pack("!HHHIH", 0xC00C, _TYPE_A, 1, _TTL_SECONDS, 4) + socket.inet_aton(address)
            for address in addresses
        ]
        header = _HEADER.pack(query_id, _RESPONSE_FLAGS, 1, len(records), 0, 0)
        return header + question + b"".join(records)


@contextlib.contextmanager
def running_name_server() -> Iterator[NameServer]:
    """Run a name server on a loopback port until the context ends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        server = NameServer(udp.getsockname()[1])

        def serve() -> None:
            while True:
                query, sender = udp.recvfrom(512)
                if not query:
                    return
                udp.sendto(server.respond(query), sender)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server
        finally:
            udp.sendto(b"", udp.getsockname())  # ends the thread
            thread.join()
