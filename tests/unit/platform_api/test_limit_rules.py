"""Soft warnings about weights and sizes: figures from the law as it is on the day."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.limits import rules
from platform_api.limits.rules import Law, Limit, Truck, What

THEN = date(2005, 12, 16)
TODAY = date(2026, 3, 1)


def limit(what: What, amount: float, axles: str | None = None, valid_from: date = THEN) -> Limit:
    return Limit(what, axles, amount, True, valid_from)


LAW = Law(
    (
        limit(What.GROSS_WEIGHT, 18_000, "RIGID_2"),
        limit(What.GROSS_WEIGHT, 43_000, "ARTICULATED_5"),
        limit(What.WIDTH, 2.55),
        limit(What.WIDTH_REFRIGERATED, 2.6),
        limit(What.HEIGHT, 4.0),
        limit(What.LENGTH, 16.5, "ARTICULATED_5"),
        limit(What.FINE_OVERLOAD_NATIONAL, 20_000),
        limit(What.FINE_SIZE, 100_000),
    )
)
SEMI = Truck(
    axle_configuration="ARTICULATED_5", capacity_kg=28_000, tare_kg=14_000, ptac_kg=42_000, length_m=16.5,
    width_m=2.55, height_m=4.0,
)  # fmt: skip


def codes(truck: Truck, cargo_kg: int | None = None) -> list[str]:
    return [one.code for one in rules.warnings(truck, cargo_kg, LAW)]


def test_a_truck_within_its_limits_has_no_warning() -> None:
    assert codes(SEMI) == codes(SEMI, 28_000) == []


@pytest.mark.parametrize(
    ("change", "cargo_kg", "code"),
    [
        ({"tare_kg": 42_000}, None, "tare_above_gross"),
        ({"capacity_kg": 28_001}, None, "capacity_above_payload"),
        ({"width_m": 2.56}, None, "width_above_limit"),
        ({"height_m": 4.2}, None, "height_above_limit"),
        ({"length_m": 17.0}, None, "length_above_limit"),
        ({"ptac_kg": 44_000}, None, "gross_above_limit"),
        ({"tare_kg": None}, 28_001, "cargo_above_capacity"),
        ({"capacity_kg": None}, 28_001, "overloaded"),
    ],
)
def test_what_is_warned_of(change: dict[str, object], cargo_kg: int | None, code: str) -> None:
    assert codes(replace(SEMI, **change), cargo_kg) == [code]  # type: ignore[arg-type]


def test_a_refrigerated_body_may_be_wider() -> None:
    assert codes(replace(SEMI, refrigerated=True, width_m=2.6)) == []
    assert codes(replace(SEMI, refrigerated=True, width_m=2.61)) == ["width_above_limit"]


def test_the_lower_of_ptac_and_law_counts_and_each_tonne_begun_is_fined() -> None:
    heavy = replace(SEMI, capacity_kg=None, ptac_kg=60_000)
    overloaded = rules.warnings(heavy, 30_001, LAW)[-1]
    assert (overloaded.code, overloaded.value, overloaded.limit) == ("overloaded", 44_001, 43_000)
    assert overloaded.fine_xof == 2 * 20_000
    assert "44\u202f001 kg" in overloaded.text_fr


def test_what_nobody_said_is_not_warned_of() -> None:
    assert codes(Truck(), 100_000) == []
    assert codes(Truck(axle_configuration="RIGID_2"), 100_000) == []


def test_the_newest_limit_whose_day_has_come_is_in_force() -> None:
    old, new, future = (
        limit(What.HEIGHT, height, valid_from=day)
        for height, day in ((4.0, THEN), (4.3, TODAY), (4.5, date(2027, 1, 1)))
    )
    for order in ([old, new, future], [future, new, old]):
        assert rules.in_force(order, TODAY).of(What.HEIGHT) == new
        assert rules.in_force(order, date(2010, 1, 1)).of(What.HEIGHT) == old
        assert rules.in_force(order, date(2000, 1, 1)).of(What.HEIGHT) is None


@given(st.integers(1, 100_000), st.integers(0, 100_000), st.integers(1, 100_000), st.integers(0, 20_000))
def test_more_cargo_never_ends_a_warning(cargo_kg: int, more_kg: int, tare_kg: int, gross_kg: int) -> None:
    truck = replace(SEMI, tare_kg=tare_kg, ptac_kg=tare_kg + gross_kg, capacity_kg=None)
    assert set(codes(truck, cargo_kg)) <= set(codes(truck, cargo_kg + more_kg))
