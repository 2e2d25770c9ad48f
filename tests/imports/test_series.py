"""Tables of other programs into the outbox: every value as its text says, no sentinel, each row once in any order."""

from __future__ import annotations

import csv
import datetime as dt
import itertools
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device_profiles.wire.values import Scaled, Value
from edge_agent.clock import SystemClock
from edge_agent.config import plain
from edge_agent.config_series import SeriesMap
from edge_agent.fingerprint import fingerprint
from edge_agent.imports.into_outbox import IntoOutbox
from edge_agent.imports.model import ImportedRow
from edge_agent.imports.open_log import Options, open_log
from edge_agent.outbox import Outbox
from harkara_io import toml_config
from tests.imports.test_vehicle_logs import accepted, harkara, imported

MAPS: Final = Path(__file__).parent / "maps"
TOA5: Final = """"TOA5","Ridge 3","CR1000X","1201","CR1000X.Std.05.01","CPU:met.CR1X","7123","Hourly"
"TIMESTAMP","RECORD","BattV_Min","AirTC_Avg","SlrW_Avg","Rain_mm_Tot","WS_ms_S_WVT","Leaf_Avg"
"TS","RN","Volts","Deg C","W/m^2","mm","meters/second","mV leaf"
"","","Min","Avg","Avg","Tot","WVc","Avg"
"2026-05-14 00:00:00",812,12.61,21.52,"NAN",0,1.234,301.1
"2026-05-14 00:15:00",813,12.60,21.50,-4.5,0.2,"INF",300
"2026-05-14 24:00:00",814,12.60,NAN,"NAN","NAN",NAN,"NAN"
"2026-05-15 00:15:00.5",815,12.59,"-0.07",611.03,1e-3,0,7
"""


def exact(value: Value) -> Decimal:
    return Decimal(value.mantissa).scaleb(value.exponent) if isinstance(value, Scaled) else Decimal(value)


def rows_of(path: Path, **said: Any) -> list[ImportedRow]:
    if "map" in said:
        said["layout"] = plain(toml_config.load(MAPS / said.pop("map"), SeriesMap))
    return list(open_log(path, Options(**{"device": "x", **said})).rows())


def ns(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp()) * 10**9


def written(folder: Path, text: str, name: str = "table.dat") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


# --- recorded tables, each read a second time by the simplest means there are
def _midc(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    for row in csv.DictReader(text.splitlines()):
        clock = row["MST"].zfill(4)
        day = dt.date(int(row["Year"]), 1, 1) + dt.timedelta(days=int(row["DOY"]) - 1)
        yield (
            ns(f"{day:%Y-%m-%d}T{clock[:2]}:{clock[2:]}:00-07:00"),
            {
                "direct_irradiance": row["Direct Normal [W/m^2]"],
                "diffuse_irradiance": row["Diffuse Horiz [W/m^2]"],
                "air_temperature": row["Air Temperature [deg C]"],
                "chp1_temperature": row["Temp CHP1 [deg C]"],
                "relative_humidity": row["Rel Humidity [%]"],
                "air_pressure": row["Station Pressure [mBar]"],
                "wind_speed": row["Avg Wind Speed @ 3m [m/s]"],
            },
        )


def _surfrad(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    for line in text.splitlines()[2:]:
        cell = line.split()
        names = {
            8: "global_irradiance",
            12: "direct_irradiance",
            16: "downward_longwave",
            28: "uvb",
            30: "par",
            34: "net_longwave",
            38: "air_temperature",
            40: "relative_humidity",
            42: "wind_speed",
            44: "wind_direction",
            46: "air_pressure",
        }
        at = f"{cell[0]}-{int(cell[2]):02}-{int(cell[3]):02}T{int(cell[4]):02}:{int(cell[5]):02}:00+00:00"
        yield ns(at), {name: cell[index] for index, name in names.items()}


def _uscrn(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    for line in text.splitlines():
        cell = line.split()
        names = ["air_temperature", "precipitation", "global_irradiance", "surface_temperature", "relative_humidity"]
        names += ["soil_moisture", "soil_temperature", "wetness", "wind_speed"]
        places = [8, 9, 10, 12, 15, 17, 18, 19, 21]
        day, clock = cell[1], cell[2]
        at = f"{day[:4]}-{day[4:6]}-{day[6:]}T{clock[:2]}:{clock[2:]}:00+00:00"
        yield ns(at), {name: cell[place] for name, place in zip(names, places, strict=True)}


def _luftdaten(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    for row in csv.DictReader(text.splitlines(), delimiter=";"):
        yield (
            ns(row["timestamp"] + "+00:00"),
            {
                "air_pressure": row["pressure"],
                "pressure_sealevel": row["pressure_sealevel"],
                "air_temperature": row["temperature"],
                "relative_humidity": row["humidity"],
            },
        )


def _coagmet(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    names = {
        "air_temperature_mean": "tavg",
        "air_temperature_max": "tmax",
        "air_temperature_min": "tmin",
        "relative_humidity_max": "rhmax",
        "global_irradiance": "solar",
        "evapotranspiration": "et_asce",
    }
    for row in csv.DictReader(text.splitlines()):
        end_ns = ns(row["date"] + "T00:00:00-07:00") + 86_400 * 10**9
        yield end_ns, {name: row[column] for name, column in names.items()}


def _pastas(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    for row in csv.DictReader(text.splitlines()):
        day = dt.date.fromisoformat(row["Date"])
        # Summer time in the Netherlands: from the last Sunday of March to that of October (September until 1995).
        ends = dt.date(day.year, 9, 30) if day.year < 1996 else dt.date(day.year, 10, 31)
        begins = dt.date(day.year, 3, 31)
        first, last = (each - dt.timedelta(days=(each.weekday() + 1) % 7) for each in (begins, ends))
        yield ns(f"{day}T00:00:00+0{2 if first < day <= last else 1}:00"), {"stage": row["River"]}


def _usgs(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    for line in text.splitlines():
        if line.startswith("USGS"):
            _, _, day, discharge, _ = line.split("\t")
            yield ns(f"{day}T00:00:00-05:00"), {"discharge": discharge}


@pytest.mark.parametrize(
    ("file", "layout", "again", "missing"),
    [
        ("midc_raw_20181018.txt", "midc.toml", _midc, {"-7999.0"}),
        ("surfrad-slv16001.dat", "surfrad.toml", _surfrad, {"-9999.9"}),
        ("CRNS0101-05-2019-AZ_Tucson_11_W.txt", "uscrn.toml", _uscrn, {"-9999.0", "-99.000"}),
        ("luftdaten_2019-05-18_bme280_22481.csv", "luftdaten.toml", _luftdaten, {""}),
        ("et_coagmet.txt", "coagmet.toml", _coagmet, set()),
        ("pastas_nb5_riv.csv", "pastas.toml", _pastas, set()),
        ("usgs_RDB1Example.txt", "usgs.toml", _usgs, set()),
    ],
)
def test_a_recorded_table_has_the_values_of_its_text_and_no_sentinel(
    captures: Path, file: str, layout: str, again: Any, missing: set[str]
) -> None:
    path = captures / "timeseries" / file
    expected = list(again(path.read_text()))
    rows = rows_of(path, map=layout)
    assert len(rows) == len(expected) > 0
    reasons = set()
    for row, (at_ns, texts) in zip(rows, expected, strict=True):
        assert row.sample.observed_at_ns == at_ns
        assert {number.channel for number in row.sample.numbers} == set(texts)
        for number in row.sample.numbers:
            text = texts[number.channel]
            if text in missing:
                assert number.value is None
                reasons.add(number.reason)
            else:
                assert number.value is not None
                assert exact(number.value) == Decimal(text), (number, text)
    assert reasons == ({"not_measured"} if missing else set())


def test_a_loggers_table_brings_units_zone_and_names(tmp_path: Path) -> None:
    path = written(tmp_path, TOA5)
    rows = rows_of(path, device=None, zone="+05:30")
    assert {row.device for row in rows} == {"ridge-3-hourly"}
    assert [row.sample.observed_at_ns for row in rows] == [
        ns("2026-05-13T18:30:00+00:00"),
        ns("2026-05-13T18:45:00+00:00"),
        ns("2026-05-14T18:30:00+00:00"),
        ns("2026-05-14T18:45:00+00:00") + 5 * 10**8,
    ]
    first = {number.channel: number for number in rows[0].sample.numbers}
    assert first["AirTC_Avg"].value == Scaled(2152, -2)
    assert {name: number.unit for name, number in first.items()} == {
        "BattV_Min": "V",
        "AirTC_Avg": "Cel",
        "SlrW_Avg": "W/m2",
        "Rain_mm_Tot": "mm",
        "WS_ms_S_WVT": "m/s",
        "Leaf_Avg": "",
    }
    assert first["SlrW_Avg"].reason == "not_measured"
    summary = imported(tmp_path, "--dry-run", "--zone", "+05:30", path)
    assert summary["missing"] == {"not_measured": 7}
    assert summary["notes"] == {"columns_with_unknown_unit": 1}


def test_a_loggers_map_names_channels_and_units(tmp_path: Path) -> None:
    layout = written(
        tmp_path, '[time]\nzone = "+05:30"\n[channels]\nleaf_wetness = { column = "Leaf_Avg", unit = "mV" }\n', "m.toml"
    )
    summary = imported(tmp_path, "--map", layout, "--device", "ridge", written(tmp_path, TOA5))
    assert (summary["readings_added"], summary["notes"]) == (3, {})


def test_a_stamp_at_the_beginning_moves_to_the_end(tmp_path: Path) -> None:
    path = written(tmp_path, TOA5)
    ends = rows_of(path, zone="UTC")
    starts = rows_of(path, zone="UTC", stamp="start", interval_s=900.0)
    moved = {a.sample.observed_at_ns - b.sample.observed_at_ns for a, b in zip(starts, ends, strict=True)}  # type: ignore[operator]
    assert moved == {900 * 10**9}
    done = harkara(tmp_path, "--zone", "UTC", "--stamp", "start", path)
    assert (done.returncode, "--interval" in done.stderr) == (2, True)


def take(folder: Path, *files: Path) -> IntoOutbox:
    outbox = Outbox.open(folder / "o.db", agent="ridge-03", fingerprint=fingerprint(), bytes_max=1 << 28)
    into = IntoOutbox(outbox, "ridge-03", SystemClock())
    for file in files:
        into.take(open_log(file, Options(zone="+05:30")).rows(), lambda: None)
    outbox.close()
    return into


_LINES: Final = [f'"2026-05-14 {at // 4:02}:{at % 4 * 15:02}:00",{at},{at / 10},{at}.5,1,0,2,3' for at in range(60)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(_LINES), cuts=st.lists(st.integers(0, 60), max_size=4), again=st.integers(0, 3))
def test_in_any_order_in_parts_and_again_each_row_is_there_once(
    tmp_path_factory: pytest.TempPathFactory, order: list[str], cuts: list[int], again: int
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    head = "".join(TOA5.splitlines(keepends=True)[:4])
    edges = [0, *sorted(cuts), 60]
    parts = [
        written(folder, head + "\n".join(order[a:b]), f"{at}.dat")
        for at, (a, b) in enumerate(itertools.pairwise(edges))
    ]
    into = take(folder, *parts, *parts[:again])
    assert into.taken == 60
    assert take(folder, written(folder, head + "\n".join(_LINES), "whole.dat")).taken == 0
    assert accepted(folder / "o.db") == into.readings == 360


def test_rows_without_a_number_of_their_own_are_known_by_what_they_say(captures: Path, tmp_path: Path) -> None:
    lines = (captures / "timeseries/luftdaten_2019-05-18_bme280_22481.csv").read_text().splitlines(keepends=True)
    half = written(tmp_path, "".join([lines[0], *reversed(lines[300:])]), "half.csv")
    said = ("--map", MAPS / "luftdaten.toml", "--device", "air")
    first = imported(tmp_path, *said, half)
    rest = imported(tmp_path, *said, captures / "timeseries/luftdaten_2019-05-18_bme280_22481.csv")
    assert (first["rows_added"], rest["rows_added"], rest["rows_known"]) == (286, 299, 286)


def test_decimal_commas_and_dates_the_other_way_round(tmp_path: Path) -> None:
    text = "Datum;Zeit;Temp;Feuchte\r\n31.12.2025;23:59;-3,50;81\r\n1.1.2026;0:05:30,25;-3,4;\r\n"
    layout = (
        'separator = ";"\ndecimal = ","\n[time]\ndate = "Datum"\nclock = "Zeit"\norder = "dmy"\nzone = "+01:00"\n'
        '[channels]\nair_temperature = { column = "Temp", unit = "Cel" }\nhumidity = { column = "Feuchte", unit = "%" }'
    )
    settings_ = plain(toml_config.load(written(tmp_path, layout, "m.toml"), SeriesMap))
    rows = rows_of(written(tmp_path, text), layout=settings_)
    assert [row.sample.observed_at_ns for row in rows] == [
        ns("2025-12-31T22:59:00+00:00"),
        ns("2025-12-31T23:05:30+00:00") + 25 * 10**7,
    ]
    assert [row.sample.numbers[0].value for row in rows] == [Scaled(-350, -2), Scaled(-34, -1)]


def test_an_hour_that_came_twice_is_no_instant(tmp_path: Path) -> None:
    text = (
        "time,t\n2025-10-26 01:59,1\n2025-10-26 02:30,2\n2025-10-26 03:00,3\n2025-03-30 02:30,4\n2025-02-30 00:00,5\n"
    )
    log = open_log(
        written(tmp_path, text), Options(device="x", format="csv", zone="Europe/Berlin", columns="time=time,t=t:Cel")
    )
    assert [row.sample.observed_at_ns for row in log.rows()] == [
        ns("2025-10-25T23:59:00+00:00"),
        ns("2025-10-26T02:00:00+00:00"),
    ]
    assert log.counts.rejects == {"time": 3}


@pytest.mark.parametrize(
    ("content", "said", "words"),
    [
        (TOA5, (), "add --zone"),
        ("a,b\n1,2\n", (), "say which column is what"),
        ("a,b\n1,2\n", ("--columns", "a=time,b=t:Cel"), "add --device"),
        ("a,b\n1,2\n", ("--columns", "b=t", "--device", "x"), "where the time stands"),
        ("a,b\n1,2\n", ("--columns", "a=time,c=t", "--device", "x"), "does not name a, c"),
        ('"TOA5","x"\n"no"\n"header"\n"here"\n', ("--zone", "UTC"), "TIMESTAMP"),
        ('{"a": 1}\n', (), "looks like JSON"),
        ("PK\x03\x04rest", (), "ZIP archive"),
        ("\x1f\x00", (), "binary data"),
        ("x", ("--zone", "Mars/Olympus"), "no zone 'Mars/Olympus'"),
    ],
)
def test_what_cannot_be_read_is_one_line_that_says_why(
    tmp_path: Path, content: str, said: tuple[str, ...], words: str
) -> None:
    done = harkara(tmp_path, *said, written(tmp_path, content))
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()[-1:]) == 1
    assert "Traceback" not in done.stderr


def test_a_map_with_faults_names_them_with_their_lines(tmp_path: Path) -> None:
    layout = written(tmp_path, 'missing = ["none"]\n[time]\ncolumn = "t"\nzone = "+5"\n', "m.toml")
    done = harkara(tmp_path, "--map", layout, "--device", "x", written(tmp_path, "t,v\n1,2\n"))
    assert done.returncode == 2
    assert "m.toml:1" in done.stderr
    assert "m.toml:4" in done.stderr


def test_a_damaged_row_is_a_reject_and_the_others_stay(tmp_path: Path) -> None:
    lines = TOA5.splitlines(keepends=True)
    lines[5] = '"2026-05-14 00:15:00",813,12.60\n'
    lines[6] = '"2026-05-14 00:30:00,814\n'
    path = written(tmp_path, "".join(lines) + "x" * 40_000 + "\n")
    summary = imported(tmp_path, "--zone", "UTC", "--json", path)
    assert (summary["frames"], summary["kept"]) == (5, 2)
    assert summary["rejects"] == {"length": 1, "shape": 1, "too_long": 1}
    assert json.loads(json.dumps(summary))["rows_added"] == 2
