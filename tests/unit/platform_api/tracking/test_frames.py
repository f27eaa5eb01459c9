import pytest

from platform_api.tracking.frames import FrameBudget, Refused, check_frame

LIMITS = {"max_bytes": 100, "max_pings": 2}


@pytest.mark.parametrize("text", ['{"t": 1, "lat": 14.7, "lon": -17.4}', '[{"t": 1}, {"t": 2}]', '{"é":"ñ"}'])
def test_an_envelope_is_forwarded_unchanged(text: str) -> None:
    assert check_frame(text, **LIMITS) == text.encode()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "text_frames_only"),
        ("{" + " " * 100 + "}", "payload_too_large"),
        ("é" * 51, "payload_too_large"),  # bytes, not characters
        ("{", "malformed"),
        ("", "malformed"),
        ('{"lat": NaN}', "malformed"),
        ("[" * 99, "malformed"),
        ("[]", "wrong_type"),
        ("7", "wrong_type"),
        ("null", "wrong_type"),
        ('[{"t": 1}, 2]', "wrong_type"),
        ("[{},{},{}]", "too_many_pings"),
    ],
)
def test_what_is_no_frame_is_refused_with_a_code(text: str | None, code: str) -> None:
    refused = check_frame(text, **LIMITS)
    assert isinstance(refused, Refused)
    assert refused.code == code


def test_deep_nesting_is_refused_not_fatal() -> None:
    refused = check_frame("[" * 100_000, max_bytes=1_000_000, max_pings=1)
    assert isinstance(refused, Refused)
    assert refused.code == "malformed"


def test_the_budget_allows_a_burst_then_a_rate() -> None:
    budget = FrameBudget(0.0, rate=2, burst=3)
    assert [budget.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert not budget.take(0.4)
    assert budget.take(0.6)
    assert [budget.take(100.0) for _ in range(4)] == [True, True, True, False]
