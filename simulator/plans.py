"""What trucks do: a delivery from pickup to drop, or a run along a corridor with its posts."""

import random
from dataclasses import dataclass

from .route import GEOD, Corridor, Route, Waypoint, build_route
from .truck import Stop

# How long trucks are held, minutes (shortest, longest): the order of magnitude drivers report.
POST_MINUTES = {"port": (20, 60), "weighbridge": (5, 15), "checkpoint": (3, 12), "border": (40, 150)}
MEAL_EVERY_M = 220_000.0
MEAL_MINUTES = (25, 45)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Drive to the pickup, wait there, drive to the drop, wait there, drive on.

    Points are (lon, lat). `approach_m` before the pickup and after the drop let fences see a real
    entry and exit. Waits happen at the exact points, inside any fence centred on them.
    """

    pickup: tuple[float, float]
    drop: tuple[float, float]
    pickup_wait_s: float = 1800.0
    drop_wait_s: float = 1200.0
    approach_m: float = 3000.0
    leave_m: float = 3000.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A route with its stops, ready for `truck.travel`."""

    route: Route
    stops: tuple[Stop, ...]


def plan_delivery(delivery: Delivery, corridor: Corridor | None = None, *, posts: bool = False) -> Plan:
    """The way of a delivery; along `corridor` between its waypoints nearest to the two points.

    The direction of travel is found from the points. Without a corridor, or when both points are
    nearest to the same waypoint, the truck goes straight.
    """
    via = _between(corridor, delivery.pickup, delivery.drop) if corridor else ()
    pickup = Waypoint("pickup", *delivery.pickup, town_m=400.0)
    drop = Waypoint("drop", *delivery.drop, town_m=400.0)
    beyond_pickup = via[0] if via else drop
    before_drop = via[-1] if via else pickup
    start = _extended("start", pickup, beyond_pickup, delivery.approach_m)
    end = _extended("end", drop, before_drop, delivery.leave_m)
    route = build_route("delivery", (start, pickup, *via, drop, end))
    stops = [
        Stop(route.along_of("pickup"), delivery.pickup_wait_s, "loading"),
        Stop(route.along_of("drop"), delivery.drop_wait_s, "unloading"),
    ]
    if posts:
        stops += _post_stops(route, random.Random(f"{delivery.pickup}{delivery.drop}"))
    return Plan(route, tuple(sorted(stops, key=lambda s: s.along_m)))


def plan_corridor(corridor: Corridor, *, seed: str, posts: bool = True, reverse: bool = False) -> Plan:
    """From one end of the corridor to the other, with meals and, if asked, stops at the posts."""
    route = corridor.route(reverse=reverse)
    rng = random.Random(seed)
    stops = _post_stops(route, rng) if posts else []
    meals = int(route.length_m // MEAL_EVERY_M)
    stops += [
        Stop(meal * MEAL_EVERY_M + rng.uniform(-9e3, 9e3), 60.0 * rng.uniform(*MEAL_MINUTES), "meal")
        for meal in range(1, meals + 1)
    ]
    return Plan(route, tuple(sorted(stops, key=lambda s: s.along_m)))


def _post_stops(route: Route, rng: random.Random) -> list[Stop]:
    stops = []
    for waypoint, along_m in zip(route.waypoints, route.along_m, strict=True):
        if waypoint.post:
            minutes = rng.uniform(*POST_MINUTES[waypoint.post])
            stops.append(Stop(along_m, 60.0 * minutes, waypoint.post, waypoint.post == "checkpoint"))
    return stops


def _between(
    corridor: Corridor, pickup: tuple[float, float], drop: tuple[float, float]
) -> tuple[Waypoint, ...]:
    """The corridor's waypoints from the one nearest `pickup` to the one nearest `drop`."""
    first, last = (_nearest(corridor.waypoints, point) for point in (pickup, drop))
    if first <= last:
        via = corridor.waypoints[first : last + 1]
    else:
        count = len(corridor.waypoints)
        via = corridor.route(reverse=True).waypoints[count - 1 - first : count - last]
    # A nearest waypoint that lies behind would send the truck back through its own pickup fence.
    if _lies_behind(pickup, via):
        via = via[1:]
    return via[:-1] if _lies_behind(drop, via[::-1]) else via


def _lies_behind(point: tuple[float, float], via: tuple[Waypoint, ...]) -> bool:
    """Whether going from `point` to the second waypoint is shorter than the leg from the first."""
    if len(via) < 2:
        return bool(via)
    leg_m = GEOD.inv(via[0].lon, via[0].lat, via[1].lon, via[1].lat)[2]
    return bool(GEOD.inv(*point, via[1].lon, via[1].lat)[2] <= leg_m)


def _nearest(waypoints: tuple[Waypoint, ...], point: tuple[float, float]) -> int:
    def distance_m(index: int) -> float:
        waypoint = waypoints[index]
        return float(GEOD.inv(*point, waypoint.lon, waypoint.lat)[2])

    return min(range(len(waypoints)), key=distance_m)


def _extended(name: str, place: Waypoint, towards: Waypoint, distance_m: float) -> Waypoint:
    """A point `distance_m` from `place`, on the side away from `towards`."""
    azimuth, _, _ = GEOD.inv(towards.lon, towards.lat, place.lon, place.lat)
    lon, lat, _ = GEOD.fwd(place.lon, place.lat, float(azimuth), distance_m)
    return Waypoint(name, float(lon), float(lat))
