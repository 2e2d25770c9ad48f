"""Tell systemd how the service is: ready, alive, what it is doing. Without systemd every call does nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notifier:
    """The service manager's datagram socket, as ``sd_notify(3)`` describes it.

    Attributes:
        address: Value of ``NOTIFY_SOCKET``; empty when nobody listens.
        watchdog_s: How often ``alive`` must be called: half of what the manager waits; None without a watchdog. [s]
    """

    address: str
    watchdog_s: float | None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, *, pid: int | None = None) -> Notifier:
        """Read ``NOTIFY_SOCKET``, ``WATCHDOG_USEC`` and ``WATCHDOG_PID``; nonsense counts as absent."""
        env = os.environ if environ is None else environ
        watchdog_s: float | None = None
        wanted_pid = env.get("WATCHDOG_PID", "")
        if not wanted_pid or wanted_pid == str(os.getpid() if pid is None else pid):
            usec = env.get("WATCHDOG_USEC", "")
            if usec.isdecimal() and int(usec) > 0:
                watchdog_s = int(usec) / 2e6
        return cls(env.get("NOTIFY_SOCKET", ""), watchdog_s)

    def ready(self, status: str = "") -> None:
        """The service does its work now."""
        self._send("READY=1", status)

    def alive(self) -> None:
        """Still working: call it only from the loop that does the work, so that a hang is seen."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        self._send("", text)

    def stopping(self, status: str = "") -> None:
        """The service is on its way out, on purpose."""
        self._send("STOPPING=1", status)

    def _send(self, state: str, status: str = "") -> None:
        if not self.address:
            return
        words = [state] if state else []
        if status:
            words.append("STATUS=" + status.replace("\n", " "))
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
                link.settimeout(0)
                link.sendto("\n".join(words).encode(), address)
        except OSError:
            # A manager that went away must never stop the readings.
            return
