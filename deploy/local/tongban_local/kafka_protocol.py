"""The one Kafka request that the stack itself makes: ApiVersions, to see that a broker answers and what it is.

Source: Kafka protocol guide, ApiVersions v3 (KIP-511) and its tagged finalized features (KIP-584).
"""

import socket
import struct

_API_VERSIONS = 18
_VERSION = 3
_FINALIZED_FEATURES_TAG = 2
_LIMIT = 1024 * 1024


class ProtocolError(Exception):
    """The peer does not speak the Kafka protocol as expected."""


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        if count < 0 or self._at + count > len(self._data):
            raise ProtocolError("answer is cut short")
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken

    def int16(self) -> int:
        return int(struct.unpack(">h", self.take(2))[0])

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if not byte & 0x80:
                return value
            shift += 7

    def string(self) -> str:
        return self.take(self.varint() - 1).decode("utf-8")

    def tags(self) -> dict[int, bytes]:
        return {self.varint(): self.take(self.varint()) for _ in range(self.varint())}


def finalized_features(address: str, timeout: float = 2.0) -> dict[str, int]:
    """Feature levels that the cluster has settled on, such as `metadata.version`.

    address: host:port, or several with commas, of which the first is asked.
    Raises: OSError without a connection, ProtocolError for an answer that is not Kafka's.
    """
    host, _, port = address.split(",")[0].strip().rpartition(":")
    client = b"tongban-local"
    name = bytes([len(client) + 1]) + client + bytes([2]) + b"1"
    header = struct.pack(">hhih", _API_VERSIONS, _VERSION, 1, len(client)) + client + b"\0"
    request = header + name + b"\0"
    with socket.create_connection((host.strip("[]"), int(port)), timeout=timeout) as sock:
        sock.sendall(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", _receive(sock, 4))
        if not 0 < size < _LIMIT:
            raise ProtocolError(f"answer of {size} bytes")
        return _features(_Reader(_receive(sock, size)))


def _features(reader: _Reader) -> dict[str, int]:
    reader.take(4)
    if error := reader.int16():
        raise ProtocolError(f"broker answers with error {error}")
    for _ in range(reader.varint() - 1):
        reader.take(6)
        reader.tags()
    reader.take(4)
    raw = reader.tags().get(_FINALIZED_FEATURES_TAG, b"\1")
    features = _Reader(raw)
    found = {}
    for _ in range(features.varint() - 1):
        name = features.string()
        found[name] = features.int16()
        features.int16()
        features.tags()
    return found


def _receive(sock: socket.socket, count: int) -> bytes:
    parts = b""
    while len(parts) < count:
        part = sock.recv(count - len(parts))
        if not part:
            raise ProtocolError("connection closed")
        parts += part
    return parts
