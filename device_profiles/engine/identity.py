"""Who answers: probes tell a model, and its variants, before any number is believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from device_profiles.engine.envelopes import Payload
from device_profiles.rejects import FrameRejected, RejectReason, reject

if TYPE_CHECKING:
    from device_profiles.engine.profile import Profile


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """What a device answers to a request, by which it is told.

    Attributes:
        variant: Which it tells; empty for what every device of the model answers.
        request: The request.
        shortest: Least payload length. [bytes]
        longest: Greatest payload length. [bytes]
        matches: What else must hold.
    """

    variant: str
    request: str
    shortest: int
    longest: int
    matches: tuple[Callable[[Payload], bool], ...]

    def fits(self, payload: Payload) -> bool:
        """Whether the answer is this one's."""
        return self.shortest <= payload.end - payload.start <= self.longest and all(
            match(payload) for match in self.matches
        )


def requests_to_ask(probes: Sequence[ProbePlan]) -> tuple[str, ...]:
    """Requests whose answers tell the device, each once, in the order of the profile."""
    return tuple(dict.fromkeys(probe.request for probe in probes))


def identify(profile: Profile, request: str, frame: bytes) -> str | FrameRejected:
    """Tell a device by its answer to one of `requests_to_ask`.

    A driver asks when a device is first met and after it was silent. With the name of a variant it loads the profile
    again with that variant; after a reject it reads nothing from the device.

    Args:
        profile: What the device is said to be; any variant of it.
        request: Name of the request.
        frame: The whole answer.

    Returns:
        Name of the variant; empty when the answer is the model's but tells no variant; a reject with reason
        ``identity`` when no device of this model answers so.
    """
    payload = profile.unwrap(frame)
    if isinstance(payload, FrameRejected):
        return payload
    return identify_payload(profile, request, payload)


def identify_payload(profile: Profile, request: str, payload: Payload) -> str | FrameRejected:
    """As `identify`, with an answer whose envelope a driver has verified and taken off."""
    probes = [probe for probe in profile.probes if probe.request == request]
    own = [probe for probe in probes if not probe.variant]
    told = [probe for probe in probes if probe.variant]
    if any(not probe.fits(payload) for probe in own):
        return _other(profile, request, payload)
    found = next((probe.variant for probe in told if probe.fits(payload)), None)
    if found is None and told:
        return _other(profile, request, payload)
    return found or ""


def _other(profile: Profile, request: str, payload: Payload) -> FrameRejected:
    data = payload.data[payload.start : payload.end]
    known = ", ".join(dict.fromkeys(probe.variant for probe in profile.probes if probe.variant))
    which = f" (variants: {known})" if known else ""
    return reject(RejectReason.IDENTITY, f"no {profile.id}{which} answers {request!r} like this", data)
