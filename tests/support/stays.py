"""Where and when a recorded vehicle stood, worked out a second time: no code of the platform is used here.

By plain loops over the whole track, looking ahead as far as needed: every window of fixes that lasts long enough with all
of them near their middle is a stay, and stays that overlap are one.
"""

from collections.abc import Sequence
from statistics import median

from tests.support.brute_force import GEOD, Seen


def stays(track: Sequence[Seen], near_m: float, least_s: float) -> list[tuple[float, float]]:
    """(from, to) in seconds, in order: all fixes of `least_s` no farther than this from their middle."""
    found: list[tuple[float, float]] = []
    for first in range(len(track)):
        last = next(
            (n for n in range(first, len(track)) if track[n].seconds - track[first].seconds >= least_s), None
        )
        if last is None:
            break
        window = track[first : last + 1]
        lon, lat = median(s.lon for s in window), median(s.lat for s in window)
        if all(_way(lon, lat, seen) <= near_m for seen in window):
            found.append((track[first].seconds, track[last].seconds))
    return _united(found)


def _united(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    united: list[tuple[float, float]] = []
    for begin, end in spans:
        if united and begin <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((begin, end))
    return united


def _way(lon: float, lat: float, seen: Seen) -> float:
    return float(GEOD.inv(lon, lat, seen.lon, seen.lat)[2])
