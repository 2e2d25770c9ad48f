"""Rates that are asked for: granted, refused, unanswered, undone by somebody else; bytes as pymavlink has them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mav2

from device_profiles.codecs.mavlink_frames import COMMAND_ACK, REQUEST_MESSAGE, SET_MESSAGE_INTERVAL, Sender
from device_profiles.codecs.mavlink_scan import Frame
from device_profiles.mavlink import table
from edge_agent.telemetry.rates import AGAIN_S_MAX, ANSWER_S, TRIES_MAX, WATCH_S, Rates
from tests.telemetry.test_signing import KEY, NOW, Said

POSITION, HOME = 33, 242


def rates(hertz: dict[int, float] | None = None, once: tuple[int, ...] = ()) -> Rates:
    wanted = {POSITION: 5.0} if hertz is None else hertz
    return Rates(Sender(), wanted, once, {number: table.known(number).name for number in (*wanted, *once)})


def heard(message: int, payload: bytes = bytes(28), system: int = 1) -> Frame:
    return Frame(system, 1, message, payload, 0, len(payload), 0)


def ack(command: int, result: int = 0) -> Frame:
    return heard(COMMAND_ACK, command.to_bytes(2, "little") + bytes((result,)))


def parsed(frames: list[bytes]) -> list[Any]:
    mav: Any = mav2.MAVLink(Said(), srcSystem=255, srcComponent=190)
    return [message for data in frames for message in mav.parse_buffer(data) or []]


def commands(frames: list[bytes]) -> list[Any]:
    return [message for message in parsed(frames) if message.get_type() == "COMMAND_LONG"]


def test_a_rate_is_asked_for_in_frames_that_pymavlink_reads() -> None:
    asked = rates()
    (beat,) = parsed(asked.due(0.0))
    assert (beat.get_type(), beat.type, beat.autopilot, beat.get_srcComponent()) == ("HEARTBEAT", 18, 8, 191)
    asked.hear(heard(0, bytes(9), system=7), 0.1)
    (command,) = commands(asked.due(0.2))
    assert (command.command, command.param1, command.param2) == (SET_MESSAGE_INTERVAL, 33, 200_000)
    assert (command.target_system, command.target_component, command.get_srcSystem()) == (7, 1, 7)


def test_what_we_say_is_byte_for_byte_what_pymavlink_says_signed_or_not() -> None:
    for key in (b"", KEY):
        said = Said()
        mav: Any = mav2.MAVLink(said, srcSystem=1, srcComponent=191)
        mav.signing.secret_key, mav.signing.link_id, mav.signing.timestamp = key, 1, NOW
        mav.signing.sign_outgoing = bool(key)
        mav.heartbeat_send(18, 8, 0, 0, 4)
        mav.command_long_send(1, 1, 511, 2, 33, 200_000, 0, 0, 0, 0, 0)
        ours = Sender(key=key)
        assert ours.heartbeat(1, NOW) + ours.command(1, 511, (33, 200_000), repeated=2, stamp=NOW) == said.data


def test_a_granted_rate_that_is_kept_is_asked_for_once() -> None:
    asked = rates()
    asked.hear(heard(0), 0.0)
    asked.due(0.0)
    asked.hear(ack(SET_MESSAGE_INTERVAL), 0.1)
    sent: list[bytes] = []
    for step in range(600):
        asked.hear(heard(POSITION), 0.2 * step)
        sent += asked.due(0.2 * step)
    assert commands(sent) == []
    assert (asked.counts["rate_asked"], asked.counts["rate_conflicts"]) == (1, 0)


def test_somebody_who_undoes_it_is_told_of_and_outvoted_ever_more_seldom() -> None:
    asked = rates()
    times: list[float] = []
    told: list[str] = []
    asked.hear(heard(0), 0.0)
    for step in range(20_000):
        now_s = step * 0.1
        if step % 10 == 0:
            asked.hear(heard(POSITION), now_s)  # a ground station's one a second, whatever we ask
        if commands(asked.due(now_s)):
            times.append(now_s)
            asked.hear(ack(SET_MESSAGE_INTERVAL), now_s)
        told += asked.told()
    assert told == ["GLOBAL_POSITION_INT: comes at 1.0 Hz, asked for were 5 Hz"]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert gaps[0] <= WATCH_S + 1
    assert gaps == sorted(gaps)
    assert AGAIN_S_MAX - 10 <= gaps[-1] <= AGAIN_S_MAX + 10
    assert asked.counts["rate_conflicts"] == len(gaps) + 1 or asked.counts["rate_conflicts"] == len(gaps)
    for step in range(20_000, 24_000):
        now_s = step * 0.1
        if step % 2 == 0:
            asked.hear(heard(POSITION), now_s)
        if commands(asked.due(now_s)):
            asked.hear(ack(SET_MESSAGE_INTERVAL), now_s)
        told += asked.told()
    assert told[-1] == "GLOBAL_POSITION_INT: 5 Hz again"


def test_a_refusal_is_taken_for_an_answer() -> None:
    asked = rates()
    asked.hear(heard(0), 0.0)
    asked.due(0.0)
    asked.hear(ack(SET_MESSAGE_INTERVAL, 3), 0.1)
    assert commands([data for second in range(100) for data in asked.due(float(second))]) == []
    assert asked.told() == ["GLOBAL_POSITION_INT: unsupported"]
    assert asked.counts["rate_refused"] == 1


def test_an_autopilot_that_does_not_answer_is_left_alone_for_a_minute() -> None:
    asked = rates()
    asked.hear(heard(0), 0.0)
    times = [step * 0.1 for step in range(300) if commands(asked.due(step * 0.1))]
    assert len(times) == TRIES_MAX
    assert times[1] - times[0] == pytest.approx(ANSWER_S, abs=0.11)
    assert asked.told() == ["GLOBAL_POSITION_INT: the autopilot does not answer"]
    assert commands(asked.due(120.0))


def test_one_question_at_a_time_since_answers_do_not_say_to_which_they_belong() -> None:
    asked = rates({POSITION: 5.0, 30: 10.0}, once=(HOME,))
    asked.hear(heard(0), 0.0)
    (first,) = commands(asked.due(0.0))
    assert commands(asked.due(0.1)) == []
    asked.hear(ack(SET_MESSAGE_INTERVAL), 0.2)
    (second,) = commands(asked.due(0.3))
    assert (first.param1, second.param1) == (POSITION, 30)
    asked.hear(ack(SET_MESSAGE_INTERVAL), 0.4)
    (third,) = commands(asked.due(0.5))
    assert (third.command, third.param1) == (REQUEST_MESSAGE, HOME)
    asked.hear(heard(HOME), 0.6)
    assert commands([data for second in range(1, 5) for data in asked.due(float(second))]) == [], "it came"


def test_a_vehicle_that_began_anew_is_asked_again_and_others_answers_are_nothing() -> None:
    asked = rates()
    asked.hear(heard(0), 0.0)
    asked.due(0.0)
    asked.hear(Frame(9, 1, COMMAND_ACK, ack(SET_MESSAGE_INTERVAL).data, 0, 3, 0), 0.1)
    asked.hear(ack(400), 0.1)
    assert commands(asked.due(ANSWER_S + 0.1)), "still without an answer"
    asked.hear(ack(SET_MESSAGE_INTERVAL), 2.0)
    assert commands(asked.due(3.0)) == []
    asked.restarted()
    assert commands(asked.due(4.0))
