"""What drivers of others build on; the page is docs/write-a-driver.md. Names here stay."""

from __future__ import annotations

from device_profiles.framing.text_lines import LineFramer
from device_profiles.quality import Flag
from device_profiles.rejects import FrameRejected, RejectReason, reject
from device_profiles.wire.values import Scaled, Value, parse_decimal
from edge_agent.clock import Clock
from edge_agent.drivers.ports import ByteLine, ByteSource, Driver, LinkDown, NotReady, Number, Read, Sample
from edge_agent.drivers.schedule import Schedule
from edge_agent.drivers.serial_port import LineFormat, SerialPort
from edge_agent.drivers.tcp import TcpStream

__all__ = [
    "ByteLine",
    "ByteSource",
    "Clock",
    "Driver",
    "Flag",
    "FrameRejected",
    "LineFormat",
    "LineFramer",
    "LinkDown",
    "NotReady",
    "Number",
    "Read",
    "RejectReason",
    "Sample",
    "Scaled",
    "Schedule",
    "SerialPort",
    "TcpStream",
    "Value",
    "parse_decimal",
    "reject",
]
