"""What the demonstration shows at one moment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Latest:
    """One channel's newest stored value.

    Attributes:
        device: Device id.
        channel: Channel id.
        value: The number, as text.
        unit: UCUM unit.
        age_s: How old it is. [s]
    """

    device: str
    channel: str
    value: str
    unit: str
    age_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything the view needs.

    Attributes:
        elapsed_s: Since the sensors began. [s]
        total_s: How long it will go on. [s]
        latest: Newest values, as the collector has them.
        emitted: Readings the sensors said.
        accepted: Readings durable in the agent; None while it does not answer.
        pending: Readings without a receipt; None while it does not answer.
        stored: Readings the collector has stored; None while it does not answer.
        recorded_loss: Readings given up, with a record.
        bytes_per_reading: MQTT payload of blocks by readings; None before the first. [B]
        link: State of the agent's link, in a word or two.
        broker: Which broker, and whether it is up.
        plain_lost: Readings the plain publisher had read and nobody received.
        plain_read: Readings the plain publisher had read.
        page: Address of the page.
    """

    elapsed_s: float
    total_s: float
    latest: tuple[Latest, ...] = ()
    emitted: int = 0
    accepted: int | None = None
    pending: int | None = None
    stored: int | None = None
    recorded_loss: int = 0
    bytes_per_reading: float | None = None
    link: str = ""
    broker: str = ""
    plain_lost: int = 0
    plain_read: int = 0
    page: str = ""
