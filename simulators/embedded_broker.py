"""A broker in a process of its own where no Mosquitto is installed: ``python -m simulators.embedded_broker``.

amqtt speaks MQTT 3.1.1 here, drops sessions without a password, and forgets everything when it ends: all of which the
protocol of this project is made to bear.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
from pathlib import Path


def write_password_file(path: Path, passwords: dict[str, str]) -> None:
    """Write ``user:hash`` lines in the form amqtt reads (Argon2)."""
    from pwdlib.hashers.argon2 import Argon2Hasher  # noqa: PLC0415 - comes with amqtt, which not every machine has

    hasher = Argon2Hasher()
    path.touch(mode=0o600)
    path.write_text("".join(f"{user}:{hasher.hash(word)}\n" for user, word in passwords.items()), encoding="ascii")


async def serve(port: int, password_file: Path) -> None:
    """Serve on loopback until SIGTERM or SIGINT.

    Args:
        port: TCP port.
        password_file: As ``write_password_file`` writes it.
    """
    from amqtt.broker import Broker  # noqa: PLC0415 - 0.3 s to import, and only this process needs it

    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {
                "amqtt.plugins.authentication.FileAuthPlugin": {"password_file": str(password_file)},
            },
        }
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await broker.start()
    await stop.wait()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2):
            await broker.shutdown()


def main() -> None:
    """Run the broker of the command line."""
    parser = argparse.ArgumentParser(prog="python -m simulators.embedded_broker", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--password-file", type=Path, required=True)
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    asyncio.run(serve(args.port, args.password_file))


if __name__ == "__main__":
    main()
