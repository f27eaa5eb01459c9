"""Teltonika Codec 8, 8 Extended and 12: the frame, the counts, single records, answers."""

import pytest

from ingest.codecs import teltonika_avl
from ingest.codecs.codec import Limits
from ingest.codecs.formats import teltonika_codec8
from ingest.ping import CommandResult, Decoded
from tests.unit.ingest.teltonika_kit import (
    LIMITS,
    SIGNED,
    Avl,
    attributes,
    crc16_ibm,
    encode_answer,
    encode_data,
    encode_json,
    frame,
    json_bytes,
    read,
    refusal,
)

ONE = encode_data([Avl()], extended=False)


def test_the_crc_is_that_of_the_catalogue() -> None:
    assert teltonika_codec8.crc16(b"123456789") == crc16_ibm(b"123456789") == 0xBB3D


def test_a_wrong_crc_is_named() -> None:
    good = frame(ONE)
    for position in (8, 9, 20, len(good) - 5, len(good) - 1):
        broken = bytearray(good)
        broken[position] ^= 0x01
        reason, detail = refusal(read(bytes(broken)))
        assert reason == "malformed"
        assert "CRC" in detail
    # The upper half of the field is zero.
    assert "CRC" in refusal(read(good[:-4] + b"\x00\x01" + good[-2:]))[1]


def test_without_a_frame_there_is_no_crc() -> None:
    assert read(ONE) == read(frame(ONE))


@pytest.mark.parametrize("length", range(1, len(ONE)))
def test_a_packet_that_is_cut_off_is_refused(length: int) -> None:
    assert refusal(read(ONE[:length]))[0] == "malformed"
    assert refusal(read(frame(ONE)[:length]))[0] == "malformed"
    # With both counts and a CRC that holds: the records themselves are cut.
    if 2 <= length < len(ONE) - 1:
        assert refusal(read(frame(ONE[:length] + b"\x01")))[0] == "malformed"


def test_bytes_too_many_are_refused() -> None:
    assert "says 33 bytes of data, 34 are there" in refusal(read(frame(ONE) + b"\x00"))[1]
    assert "bytes follow" in refusal(read(frame(ONE[:-1] + b"\x00\x01")))[1]
    assert refusal(read(frame(ONE) + frame(ONE)))[0] == "malformed"


def test_both_counts_must_agree_with_the_records() -> None:
    two = encode_data([Avl(), Avl(ts=1)], extended=False)
    assert "counts 2 first and 3" in refusal(read(two[:-1] + b"\x03"))[1]
    three = bytearray(two)
    three[1] = three[-1] = 3
    assert "number 3 of 3" in refusal(read(bytes(three)))[1]
    one = bytearray(two)
    one[1] = one[-1] = 1
    assert "bytes follow the last of 1" in refusal(read(bytes(one)))[1]


@pytest.mark.parametrize("codec", [0x00, 0x07, 0x0D, 0x0E, 0x0F, 0x10, 0xFF])
def test_other_codecs_are_named(codec: int) -> None:
    reason, detail = refusal(read(frame(bytes([codec]) + ONE[1:])))
    assert reason == "malformed"
    assert f"codec 0x{codec:02X}" in detail


def test_the_limit_of_pings_is_that_of_the_message() -> None:
    data = encode_data([Avl(ts=each) for each in range(4)], extended=False)
    assert len(read(data, Limits(max_pings=4)).pings) == 4
    assert refusal(read(data, Limits(max_pings=3)))[0] == "too_many_pings"
    assert refusal(read(b"\x08\x00\x00"))[0] == "payload_empty"
    assert refusal(read(b"\x0c\x00\x00"))[0] == "payload_empty"
    # Before a record is read: this one would be malformed.
    assert refusal(read(b"\x8e\xff\xff", Limits(max_pings=3)))[0] == "too_many_pings"


def test_huge_counts_of_elements_end_with_the_data() -> None:
    head = ONE[:2] + ONE[2:26]
    assert refusal(read(head + b"\x00\xff\xff" + b"\x00" * 20 + b"\x01"))[0] == "malformed"
    extended = b"\x8e" + head[1:]
    assert (
        refusal(read(extended + b"\x00\x00\xff\xff\xff\xff" + b"\x00" * 90_000 + b"\x01"))[0] == "malformed"
    )
    # 60,000 elements of no length at all are well formed, and too many for one ping.
    flood = b"\x00\x00\xea\x60" + b"\x00" * 8 + b"\xea\x60"
    flood += b"".join(number.to_bytes(2, "big") + b"\x00\x00" for number in range(60_000))
    assert refusal(read(extended + flood + b"\x01"))[0] == "value_out_of_range"


def test_a_defect_of_one_record_refuses_that_one() -> None:
    sent = [Avl(), Avl(lat=900_000_001), Avl(ts=2), Avl(lon=-1_800_000_001), Avl(ang=361), Avl(ts=2**62)]
    decoded = read(frame(encode_data(sent, extended=True)))
    assert [ping.time_us for ping in decoded.pings] == [Avl().ts * 1000, 2000]
    assert [each.reason for each in decoded.rejected] == [
        "latitude_out_of_range",
        "longitude_out_of_range",
        "value_out_of_range",
        "value_out_of_range",
    ]
    assert decoded.rejected[0].detail.startswith("ping 2 of 6: ")


def test_limits_of_attributes_hold_for_elements() -> None:
    many = Avl(fixed={1: dict.fromkeys(range(400, 540), 1)})
    decoded = read(encode_data([many, Avl()], extended=True))
    assert len(decoded.pings) == 1
    assert decoded.rejected[0].reason == "value_out_of_range"
    long = Avl(variable={385: bytes(5000)})
    assert refusal(read(encode_data([long], extended=True)))[0] == "value_out_of_range"


def test_an_element_that_comes_twice_counts_as_the_last() -> None:
    avl = Avl(fixed={1: {66: 1}, 2: {66: 12_000}})
    assert attributes(read(encode_data([avl], extended=False)))["power_v"] == 12.0
    body = b'{"state":{"reported":{"ts":1,"latlng":"1,2","66":1,"66":12000}}}'
    assert attributes(read(body))["power_v"] == 12.0


def test_which_elements_have_a_sign() -> None:
    for number in range(0x10000):
        assert teltonika_avl.element_of_bytes(number, b"\xff\xfe") == (-2 if number in SIGNED else 65_534)
    cold = Avl(fixed={4: {75: 2**32 - 185}, 2: {72: 0xFFFF}})
    assert attributes(read(encode_data([cold], extended=False)))["temperature_4_c"] == -18.5


def test_elements_of_any_length() -> None:
    variable = {
        256: b"WDB9634031L123456\x00",
        403: "Awa Ndiaye Gaye é".encode(),
        385: b"\x11\x02",
        281: b"\xff",
    }
    variable |= {600: b"abc", 601: b"", 264: b"a\x01b"}
    assert attributes(read(encode_data([Avl(variable=variable)], extended=True))) == {
        "pr": 0,
        "trigger": "periodic",
        "vin": "WDB9634031L123456",
        "avl_403": "Awa Ndiaye Gaye é",
        "avl_385": "1102",
        "avl_281": "ff",
        "avl_264": "610162",
        "avl_600": "616263",
        "avl_601": "",
    }


# --- answers to commands


def test_answers_of_codec_12() -> None:
    data = encode_answer(b"Param ID:1000 Value:15\r\n\x00")
    expected = [CommandResult(None, True, "Param ID:1000 Value:15")]
    assert read(frame(data)) == read(data) == Decoded(pings=[], results=expected)
    two = b"\x0c\x02" + encode_answer(b"a")[2:-1] + encode_answer(b"b")[2:-1] + b"\x02"
    assert [each.text for each in read(two).results] == ["a", "b"]
    assert "type 0x05" in refusal(read(frame(encode_answer(b"getinfo", kind=5))))[1]
    cut = encode_answer(b"getinfo")[:-3] + b"\x01"
    assert refusal(read(cut))[0] == "malformed"


def test_an_answer_is_cut_and_cleaned_rather_than_refused() -> None:
    (result,) = read(encode_answer(b"\xff\xfe ok\x00 " + b"x" * 9000)).results
    assert result.text.startswith("�� ok x")
    assert len(result.text) == LIMITS.max_attribute_bytes
    (result,) = read(b'{"RSP":"a\\u0000b\\ud800"}').results
    assert result == CommandResult(None, True, "ab?")


def test_answers_in_json_beside_positions() -> None:
    bridged = {"state": {"reported": {"command_response": "Ver:03.28.07", "ts": 1}}}
    decoded = read(json_bytes([{"RSP": "INI:2026/1/26"}, encode_json(Avl()), bridged]))
    assert [each.text for each in decoded.results] == ["INI:2026/1/26", "Ver:03.28.07"]
    assert len(decoded.pings) == 1
    assert refusal(read(b'{"RSP":7}'))[0] == "wrong_type"
