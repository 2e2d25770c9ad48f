"""Ways from a simulated device to its reader: a pseudo-terminal, a TCP server, UDP datagrams, MQTT messages.

One port for all: ``send`` says what the device says, ``receive`` gives what was asked of it. None of them keeps what is
said while nobody listens, as no wire does.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from simulators.directory_carrier import DirectoryCarrier
from simulators.pty_port import PtyPort

_READ_BYTES: Final = 4096
_IP_RECVERR: Final = 11
_SEND_S: Final = 1.0
_MQTT_S: Final = 10.0


class CarrierError(Exception):
    """A carrier cannot be set up; the message says which and why."""

    exit_status = 1


class Carrier(Protocol):
    """One way to a reader; used within ``with``.

    Attributes:
        address: Where a reader finds it, for people.
    """

    address: str

    def __enter__(self) -> Self:
        """Set it up.

        Raises:
            CarrierError: The port is in use, or the broker is not there.
        """

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take it down."""

    def has_reader(self) -> bool:
        """Whether anybody listens, as far as it can be known."""

    def send(self, data: bytes, channel: str = "") -> bool:
        """Say something.

        Args:
            data: Bytes.
            channel: Part of the topic, where the carrier has topics.

        Returns:
            Whether somebody took all of it, as far as it can be known.
        """

    def receive(self, timeout_s: float) -> bytes:
        """What was asked, or nothing after ``timeout_s``."""

    def drain(self, timeout_s: float) -> bool:
        """Wait until the readers have what was said, as far as it can be known."""


class PtyCarrier(PtyPort):
    """A pseudo-terminal under a stable name."""

    def __init__(self, link: Path) -> None:
        super().__init__(link)
        self.address = str(link)

    def __enter__(self) -> Self:
        try:
            return super().__enter__()
        except OSError as exc:
            raise CarrierError(f"pty:{self.link}: {exc.strerror or exc}") from exc

    def send(self, data: bytes, channel: str = "") -> bool:  # noqa: ARG002 - a wire has one channel
        """Say something; see ``PtyPort.write``."""
        return self.write(data)

    def receive(self, timeout_s: float) -> bytes:
        """What the reader wrote."""
        if not self.has_reader():
            time.sleep(timeout_s)  # A terminal nobody has open is always "ready", with an error.
            return b""
        return self.read(timeout_s)


class TcpCarrier:
    """A server; everybody who is connected hears the same. A reader that stays too slow is thrown out."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._at = (host, port)
        self.address = f"{host}:{port}"
        self._server: socket.socket | None = None
        self._readers: list[socket.socket] = []

    def __enter__(self) -> Self:
        """Listen."""
        try:
            self._server = socket.create_server(self._at)
        except OSError as exc:
            raise CarrierError(f"cannot listen at {self.address}: {exc.strerror}") from exc
        self._server.settimeout(0)
        host, port = self._server.getsockname()[:2]
        self.address = f"{host}:{port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in (*self._readers, self._server):
            if each is not None:
                each.close()

    def has_reader(self) -> bool:
        """Whether anybody is connected."""
        self._welcome()
        return bool(self._readers)

    def send(self, data: bytes, channel: str = "") -> bool:  # noqa: ARG002 - a wire has one channel
        """Say it to everybody who is connected."""
        self._welcome()
        for reader in self._readers[:]:
            try:
                reader.sendall(data)
            except OSError:
                self._part(reader)
        return bool(self._readers)

    def receive(self, timeout_s: float) -> bytes:
        """What any reader asked."""
        assert self._server is not None
        ready, _, _ = select.select([self._server, *self._readers], [], [], timeout_s)
        self._welcome()
        for reader in ready:
            if reader is self._server:
                continue
            data = b""
            with contextlib.suppress(OSError):
                data = reader.recv(_READ_BYTES)
            if data:
                return data
            self._part(reader)
        return b""

    def drain(self, timeout_s: float) -> bool:
        """End each connection in order, so that the kernel delivers the rest."""
        deadline = time.monotonic() + timeout_s
        for reader in self._readers[:]:
            with contextlib.suppress(OSError):
                reader.shutdown(socket.SHUT_WR)
                reader.settimeout(max(0.01, deadline - time.monotonic()))
                while reader.recv(_READ_BYTES):
                    pass
            self._part(reader)
        return True

    def _welcome(self) -> None:
        assert self._server is not None
        with contextlib.suppress(BlockingIOError):
            while True:
                reader, _ = self._server.accept()
                reader.settimeout(_SEND_S)
                reader.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._readers.append(reader)

    def _part(self, reader: socket.socket) -> None:
        self._readers.remove(reader)
        reader.close()


class UdpCarrier:
    """Datagrams to one address; what comes back from anywhere is what was asked."""

    def __init__(self, host: str = "127.0.0.1", port: int = 14550) -> None:
        self._to = (host, port)
        self.address = f"{host}:{port}"
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        if sys.platform == "linux":
            # Without it the kernel keeps to itself that nobody has the port open (ip(7)).
            self._socket.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)

    def __enter__(self) -> Self:
        """Nothing to set up."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def has_reader(self) -> bool:
        """Nobody can know."""
        return True

    def send(self, data: bytes, channel: str = "") -> bool:  # noqa: ARG002 - a wire has one channel
        """Send one datagram; False when the far side said that nobody had that port open for the one before."""
        try:
            self._socket.sendto(data, self._to)
        except ConnectionRefusedError:
            # This call only told of the datagram before.
            with contextlib.suppress(ConnectionRefusedError):
                self._socket.sendto(data, self._to)
            return False
        return True

    def receive(self, timeout_s: float) -> bytes:
        """The next datagram."""
        if not select.select([self._socket], [], [], timeout_s)[0]:
            return b""
        with contextlib.suppress(OSError):
            return self._socket.recv(1 << 16, socket.MSG_DONTWAIT)
        if sys.platform == "linux":
            # What is said of datagrams that nobody took has a queue of its own, which looks like something to read.
            with contextlib.suppress(OSError):
                while True:
                    self._socket.recvmsg(1, 512, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT)
        return b""

    def drain(self, timeout_s: float) -> bool:  # noqa: ARG002 - a datagram is gone when it is sent
        """Nothing waits here."""
        return True


class MqttCarrier:
    """Messages to a broker, QoS 1; what is published under ``TOPIC/ask`` is what was asked."""

    def __init__(self, host: str, port: int, topic: str, *, username: str = "", password: str = "") -> None:
        self.address = f"{host}:{port}/{topic}"
        self._at, self._topic = (host, port), topic
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        if username:
            self._client.username_pw_set(username, password or None)
        self._asked_end, self._asked = socket.socketpair()
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._last: mqtt.MQTTMessageInfo | None = None

    def __enter__(self) -> Self:
        """Connect, and wait for the broker's yes."""
        try:
            self._client.connect(*self._at)
        except OSError as exc:
            raise CarrierError(f"broker {self.address.partition('/')[0]}: {exc.strerror or exc}") from exc
        self._client.loop_start()
        deadline = time.monotonic() + _MQTT_S
        while not self._client.is_connected():
            if time.monotonic() > deadline:
                self._client.loop_stop()
                raise CarrierError(f"broker {self.address.partition('/')[0]} does not let us in")
            time.sleep(0.02)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._asked.close()
        self._asked_end.close()

    def has_reader(self) -> bool:
        """Nobody can know."""
        return True

    def send(self, data: bytes, channel: str = "") -> bool:
        """Publish."""
        self._last = self._client.publish("/".join(part for part in (self._topic, channel) if part), data, qos=1)
        return self._last.rc == mqtt.MQTT_ERR_SUCCESS

    def receive(self, timeout_s: float) -> bytes:
        """The next message asked."""
        return self._asked.recv(1 << 16) if select.select([self._asked], [], [], timeout_s)[0] else b""

    def drain(self, timeout_s: float) -> bool:
        """Wait until the broker has the last message."""
        if self._last is not None:
            with contextlib.suppress(ValueError, RuntimeError):
                self._last.wait_for_publish(timeout_s)
        return self._last is None or self._last.is_published()

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe(f"{self._topic}/ask", qos=1)

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        with contextlib.suppress(OSError):
            self._asked_end.send(message.payload)


def carrier(text: str, *, environment: dict[str, str] | None = None) -> Carrier:
    """A carrier from words.

    They are ``pty[:PATH]``, ``tcp[:[HOST:]PORT]``, ``udp[:[HOST:]PORT]``, ``mqtt[:HOST[:PORT][/TOPIC]]`` or
    ``dir:FOLDER``; a topic of nothing (``mqtt:HOST/``) leaves frames their own.

    Args:
        text: The words.
        environment: Where ``HARKARA_MQTT_USER`` and ``HARKARA_MQTT_PASSWORD`` are; the process's own when None.

    Raises:
        CarrierError: They are no such words.
    """
    kind, _, rest = text.partition(":")
    if kind == "pty":
        return PtyCarrier(Path(rest or "replay.tty"))
    if kind in {"tcp", "udp"}:
        host, _, port = rest.rpartition(":")
        number = _port(port or ("0" if kind == "tcp" else "14550"), text)
        return (TcpCarrier if kind == "tcp" else UdpCarrier)(host or "127.0.0.1", number)
    if kind == "dir" and rest:
        return DirectoryCarrier(Path(rest))
    if kind == "mqtt":
        at, _, topic = rest.partition("/")
        host, _, port = at.partition(":")
        words = os.environ if environment is None else environment
        return MqttCarrier(
            host or "127.0.0.1",
            _port(port or "1883", text),
            topic or ("" if "/" in rest else "replay"),
            username=words.get("HARKARA_MQTT_USER", ""),
            password=words.get("HARKARA_MQTT_PASSWORD", ""),
        )
    raise CarrierError(
        f"{text!r} is no way to a reader; say pty:PATH, tcp:PORT, udp:HOST:PORT, dir:FOLDER or mqtt:HOST:PORT/TOPIC"
    )


def _port(text: str, whole: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 1 << 16):
        raise CarrierError(f"{whole!r}: {text!r} is no port number")
    return int(text)
