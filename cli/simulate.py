"""`mess simulate` and `mess replay`: virtual trucks and recorded tracks as devices on the broker."""

import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from cli import device_options as options
from cli.publishing import broker_of, finish, plain_errors, play, report_bad_rows
from simulator.fleet import Crew
from simulator.payload import Payload
from simulator.route import Corridor, corridors
from simulator.scenario import Order, replay_schedule, truck_crews
from simulator.tracks import parse_columns, read_recording, shifted, span_us
from simulator.trouble import parse_trouble

SpeedUp = Annotated[str, typer.Option(help="Track seconds per second, or max.")]
Batch = Annotated[int, typer.Option(min=1, max=500, help="Pings in one message.")]
PayloadOption = Annotated[Payload, typer.Option(help="What devices write.")]
Host = Annotated[str | None, typer.Option(help="Broker host; default from the settings.")]
Port = Annotated[int | None, typer.Option(help="Broker port; default from the settings.")]
Protocol = Annotated[str | None, typer.Option(help="MQTT 3.1.1 or 5; default from the settings.")]
Credentials = Annotated[
    Path | None, typer.Option(help="CSV (heading uid,secret) or JSON file with the secret of each device.")
]
Password = Annotated[
    str | None, typer.Option(envvar="MESS_DEVICE_PASSWORD", help="Secret of every device not in the file.")
]
Patience = Annotated[float, typer.Option(help="Give up after so many seconds without a new acknowledgement.")]
# Numbers used by an earlier run are acknowledged already: a ping under one would be dropped unsent.
FirstSeq = Annotated[
    int | None, typer.Option(min=1, help="First sequence number; default: microseconds since 1970.")
]
Faults = Annotated[
    str,
    typer.Option(
        help="all, or e.g. gaps,newest-first,duplicates=0.1,repeats,disorder,silence,missing,zero,clock."
    ),
]
Columns = Annotated[
    str,
    typer.Option(help="time=timestamp,lat=latitude,lon=longitude,device=vehicle_id,heading=bearing,..."),
]
Format = Literal["auto", "gpx", "csv"]
SpeedUnit = Literal["kmh", "ms", "knots", "mph"]


def simulate(
    *,
    trucks: Annotated[int, typer.Option(min=1, max=5000, help="How many trucks.")] = 5,
    corridor: Annotated[str | None, typer.Option(help="A corridor's name; default: all in turn.")] = None,
    speed_up: SpeedUp = "60",
    duration: Annotated[str, typer.Option(help="Simulated time: 90s, 30m, 8h, 2d.")] = "1h",
    faults: Faults = "",
    phone: Annotated[bool, typer.Option(help="A driver's phone in each truck, called UID-phone.")] = False,
    payload: PayloadOption = Payload.NATIVE,
    phone_payload: PayloadOption = Payload.NATIVE,
    batch: Batch = 1,
    start: Annotated[str | None, typer.Option(help="Simulated start; default: the end is now.")] = None,
    seed: Annotated[str, typer.Option(help="The same seed drives the same way.")] = "1",
    uid_prefix: Annotated[str, typer.Option(help="Trucks are called PREFIX0001 and so on.")] = "sim-",
    host: Host = None,
    port: Port = None,
    protocol: Protocol = None,
    credentials: Credentials = None,
    password: Password = None,
    first_seq: FirstSeq = None,
    patience: Patience = 60.0,
) -> None:
    """Drive virtual trucks on corridors of Senegal; uids come from the credentials file when there is one."""
    with plain_errors():
        broker, factor = broker_of(host, port, protocol), options.parse_speed_up(speed_up)
        secrets = options.read_credentials(credentials) if credentials else {}
        duration_s = options.parse_duration_s(duration)
        start_us = options.simulated_start_us(start, duration_s, factor, _now_us())
        crews = truck_crews(
            _corridors(corridor),
            options.truck_uids(trucks, uid_prefix, secrets),
            start_us=start_us,
            duration_s=duration_s,
            password=lambda uid: secrets.get(uid, password),
            seed=seed,
            trouble=parse_trouble(faults),
            payload=payload,
            phone_uid=(lambda uid: f"{uid}-phone") if phone else None,
            phone_payload=phone_payload,
            batch=batch,
            first_seq=first_seq or _now_us(),
        )
    finish(play(crews, broker, start_us=start_us, speed_up=factor, patience_s=patience))


def replay(
    file: Annotated[Path, typer.Argument(help="A GPX file, or a CSV file with a heading line.")],
    *,
    format: Annotated[Format, typer.Option(help="auto: by the file's name.")] = "auto",
    columns: Columns = "",
    device: Annotated[str | None, typer.Option(help="Uid of the only device in the file.")] = None,
    device_prefix: Annotated[str, typer.Option(help="Put before each device name of the file.")] = "",
    speed_up: SpeedUp = "60",
    payload: PayloadOption = Payload.NATIVE,
    batch: Batch = 1,
    shuffle: Annotated[bool, typer.Option(help="Trial: pings in random order.")] = False,
    newest_first: Annotated[bool, typer.Option(help="Trial: the newest ping first.")] = False,
    duplicate: Annotated[bool, typer.Option(help="Trial: every message twice, overlapping.")] = False,
    time_zone: Annotated[str, typer.Option(help="For times that carry no zone.")] = "UTC",
    speed_unit: Annotated[SpeedUnit, typer.Option(help="Of the speed column.")] = "kmh",
    shift_to: Annotated[str | None, typer.Option(help="Move the first fix to this time, or now.")] = None,
    host: Host = None,
    port: Port = None,
    protocol: Protocol = None,
    credentials: Credentials = None,
    password: Password = None,
    first_seq: FirstSeq = None,
    patience: Patience = 60.0,
) -> None:
    """Publish a recorded track, each device on its own connection. Times stay as recorded unless --shift-to."""
    with plain_errors():
        broker, factor = broker_of(host, port, protocol), options.parse_speed_up(speed_up)
        secrets = options.read_credentials(credentials) if credentials else {}
        zone, order = options.parse_zone(time_zone), _order(shuffle, newest_first)
        recording = read_recording(
            file, file_format=format, columns=parse_columns(columns), time_zone=zone, speed_unit=speed_unit
        )
        report_bad_rows(recording)
        tracks = options.name_devices(recording.tracks, device, device_prefix)
        if shift_to is not None:
            tracks = shifted(tracks, options.shift_us(span_us(tracks), shift_to, zone, factor, _now_us()))
        first = first_seq or _now_us()
    crews = [
        Crew(
            uid,
            secrets.get(uid, password),
            replay_schedule(fixes, batch=batch, order=order, duplicate=duplicate, seed=uid, first_seq=first),
            payload,
        )
        for uid, fixes in tracks.items()
    ]
    summary = play(crews, broker, start_us=span_us(tracks)[0], speed_up=factor, patience_s=patience)
    finish(summary, bad_rows=len(recording.bad_rows))


def _corridors(name: str | None) -> list[Corridor]:
    known = corridors()
    if name is None:
        return list(known.values())
    if name not in known:
        raise ValueError(f"there is no corridor {name!r}; known are {', '.join(known)}")
    return [known[name]]


def _order(shuffle: bool, newest_first: bool) -> Order:
    if shuffle and newest_first:
        raise ValueError("--shuffle and --newest-first exclude each other")
    return "shuffled" if shuffle else "newest-first" if newest_first else "recorded"


def _now_us() -> int:
    return time.time_ns() // 1000
