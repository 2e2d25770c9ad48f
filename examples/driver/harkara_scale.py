"""A bench scale that prints a line such as ``ST,+  12.35 kg`` twice a second, behind a serial server."""

from dataclasses import dataclass

from edge_agent import plugin as api


@dataclass(frozen=True)
class ScaleSettings:
    """What ``[device.settings]`` may say."""

    host: str
    port: int = 4001
    silence_s: float = 10.0


class ScaleDriver:
    """Opens, reads, closes; when to open again is the agent's business."""

    Settings = ScaleSettings

    def __init__(self, settings: ScaleSettings, clock: api.Clock) -> None:
        self._clock, self._silence_s = clock, settings.silence_s
        self._line = api.TcpStream(settings.host, settings.port)

    async def open(self) -> None:
        self._framer = api.LineFramer()
        await self._line.open()

    async def read(self) -> list[api.Read]:
        data = await self._line.read(self._silence_s)
        if data is None:
            raise api.LinkDown(f"the scale said nothing for {self._silence_s:g} s")
        return [self._weight(line) for line in self._framer.feed(data) if isinstance(line, bytes)]

    async def close(self) -> list[api.Read]:
        await self._line.close()
        return []

    def notes(self) -> dict[str, int]:
        return {}

    def _weight(self, line: bytes) -> api.Read:
        state, _, rest = line.decode("ascii", "replace").partition(",")
        try:
            value = api.parse_decimal(rest.removesuffix("kg").replace(" ", ""))  # every digit as printed
        except ValueError:
            return api.reject(api.RejectReason.SHAPE, "no weight", line)
        flag = api.Flag.UNKNOWN if state == "ST" else api.Flag.SUSPECT
        return api.Sample(None, self._clock.wall_ns(), (api.Number("weight", "kg", value, flag),))
