"""Late pings and late fences change the past: what is revised, created and taken back, and what is left alone."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from ingest.reconcile import Reconciled, Reconciler, ReconcileSettings, drop_old_snapshots
from ingest.state import decode_state
from ingest.times import from_us
from tests.support.ingest import message, ping_body
from tests.support.late_truck import EAGER, IN, OUT, Truck, us
from tests.support.law import LAT, LON, METRE, shape_around
from tests.support.told import assert_told_adds_up
from tests.support.worker import count

DAY_S = 86_400


@pytest.fixture(scope="module")
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def truck(connection: psycopg.Connection) -> Iterator[Truck]:
    yield Truck(connection)
    assert_told_adds_up(connection)
    connection.execute("DELETE FROM dirty_vehicles")


class TestWhatLatePingsChange:
    def test_a_later_exit_revises_the_visit(self, truck: Truck) -> None:
        truck.send((0, OUT), (100, IN), (400, OUT), (460, OUT), (600, OUT))
        assert truck.visits == [(100, 400)]
        truck.send((350, IN), (380, 120))
        done = truck.refold()
        assert truck.visits == [(100, 380)]
        assert truck.told[2:] == [("exit", "revised", 380, 400)]
        assert [(c.kind, c.change, c.time_us) for c in done.crossings] == [("exit", "revised", us(380))]
        assert truck.column("revision") == [1]

    def test_an_earlier_entry_revises_it_with_new_evidence(self, truck: Truck) -> None:
        truck.send((0, OUT), (100, IN), (200, IN))
        truck.send((50, 90))
        truck.refold()
        assert truck.visits == [(50, None)]
        assert truck.told == [("enter", "created", 100, None), ("enter", "revised", 50, 100)]
        (evidence,) = truck.column("enter_evidence")
        assert evidence["device_id"] == truck.device_id
        assert evidence["lon"] == pytest.approx(LON + 90 * METRE)

    def test_a_visit_nobody_knew_of_is_created(self, truck: Truck) -> None:
        truck.send((0, OUT), (2000, OUT), (2100, OUT))
        assert truck.visits == []
        truck.send((500, IN), (800, OUT))
        truck.refold()
        assert truck.visits == [(500, 800)]
        assert truck.told == [("enter", "created", 500, None), ("exit", "created", 800, None)]
        assert truck.column("revision") == [0]

    def test_a_pass_that_was_none_is_taken_back(self, truck: Truck) -> None:
        truck.send((0, -OUT), (200, OUT))
        assert truck.column("inferred") == [True]
        north = ping_body(us(100), LAT + 400 * METRE, LON)
        truck.pipeline.process([message(truck.uid, north)])
        truck.refold()
        assert truck.visits == []
        assert [row[:2] for row in truck.told] == [
            ("enter", "created"), ("exit", "created"), ("enter", "retracted"), ("exit", "retracted"),
        ]  # fmt: skip
        assert truck.column("retracted_at IS NOT NULL") == [True]

    def test_an_exit_that_was_none_is_taken_back_and_told_again(self, truck: Truck) -> None:
        truck.send((0, IN), (100, OUT), (160, OUT))
        truck.send((150, IN))
        truck.refold()
        assert truck.visits == [(0, None)]
        assert truck.told[2:] == [("exit", "retracted", 100, None)]
        truck.send((230, OUT))
        assert truck.visits == [(0, 160)]
        assert truck.told[3:] == [("exit", "created", 160, None)]

    def test_two_visits_that_were_one(self, truck: Truck) -> None:
        truck.send((0, IN), (100, OUT), (200, OUT), (1000, IN), (1100, OUT), (1200, OUT))
        assert truck.visits == [(0, 100), (1000, 1100)]
        truck.send((150, IN), (250, 120), (900, 120))
        truck.refold()
        assert truck.visits == [(0, 1100)]
        assert truck.column("retracted_at IS NOT NULL") == [False, True]

    def test_one_visit_that_was_two(self, truck: Truck) -> None:
        truck.send((0, IN), (1000, IN), (1100, OUT), (1200, OUT))
        truck.send((300, OUT), (400, OUT), (500, OUT))
        truck.refold()
        assert truck.visits == [(0, 300), (1000, 1100)]
        assert truck.told[2:] == [
            ("exit", "revised", 300, 1100), ("enter", "created", 1000, None), ("exit", "created", 1100, None),
        ]  # fmt: skip

    def test_what_changes_nothing_tells_nothing(self, truck: Truck) -> None:
        truck.send((0, OUT), (100, IN), (400, OUT), (500, OUT))
        before = truck.told
        truck.send((200, IN), (450, OUT))
        assert truck.refold().crossings == []
        assert truck.told == before
        assert truck.column("revision") == [0]

    def test_a_contradicting_ping_that_takes_anothers_place_refolds_from_there(self, truck: Truck) -> None:
        truck.send((0, OUT), (100, OUT), (200, OUT))
        truck.send((100, IN))  # smaller longitude: it stays
        truck.refold()
        assert [entered for entered, _ in truck.visits] == [100]

    def test_live_pings_go_on_after_a_refold(self, truck: Truck) -> None:
        truck.send((0, OUT), (1000, IN), (1100, IN))
        truck.send((500, IN))
        truck.refold()
        truck.send((1200, OUT), (1300, OUT))
        assert truck.visits == [(500, 1200)]


class TestLateFences:
    def test_a_fence_added_later_judges_the_pings_of_before(self, connection: psycopg.Connection) -> None:
        truck = Truck(connection, fenced=False)
        truck.send((0, OUT), (100, IN), (400, OUT), (500, OUT), (900, IN))
        truck.fence_id = truck.add_fence()
        truck.mark(None)
        truck.refold()
        assert truck.visits == [(100, 400), (900, None)]
        truck.send((1000, OUT), (1100, OUT))
        assert truck.visits == [(100, 400), (900, 1000)]

    def test_its_valid_from_bounds_what_it_judges(self, connection: psycopg.Connection) -> None:
        truck = Truck(connection, fenced=False)
        truck.send((0, OUT), (100, IN), (400, OUT), (500, OUT), (900, IN), (1000, IN))
        truck.fence_id = truck.add_fence()
        connection.execute(
            "UPDATE geofences SET valid_from = %s WHERE id = %s", [from_us(us(950)), truck.fence_id]
        )
        truck.mark(950)
        truck.refold()
        assert truck.visits == [(1000, None)]

    def test_a_moved_fence_takes_its_visits_back(self, truck: Truck, connection: psycopg.Connection) -> None:
        truck.send((0, OUT), (100, IN), (400, OUT), (500, OUT))
        connection.execute(
            "UPDATE geofences SET shape = %s WHERE id = %s",
            [psycopg.types.json.Jsonb(shape_around(9000.0, 100.0)), truck.fence_id],
        )
        truck.mark(None)
        truck.refold()
        assert truck.visits == []

    def test_visits_of_a_retired_fence_stay_as_told(
        self, truck: Truck, connection: psycopg.Connection
    ) -> None:
        truck.send((0, OUT), (100, IN), (400, OUT), (500, OUT))
        connection.execute("UPDATE geofences SET retired_at = now() WHERE id = %s", [truck.fence_id])
        truck.send((50, IN))
        truck.refold()
        assert truck.visits == [(100, 400)]


class TestHowFarBack:
    """Lateness is a day here, snapshots are two minutes apart."""

    def test_a_refold_starts_from_the_snapshot_before(self, truck: Truck) -> None:
        for start in range(0, 3600, 60):
            truck.send((start, OUT))
        assert len(truck.snapshots()) >= 20
        truck.send((3001, OUT))
        assert truck.refold().pings < 20

    def test_a_late_ping_beyond_lateness_is_stored_and_changes_nothing(self, truck: Truck) -> None:
        truck.send((0, OUT), (100, IN), (400, OUT), (500, OUT))
        truck.send((2 * DAY_S, OUT))
        truck.send((300, OUT), (380, OUT))
        truck.refold()
        assert truck.visits == [(100, 400)]
        assert (
            count(truck.connection, "SELECT count(*) FROM pings WHERE device_id = %s", truck.device_id) == 7
        )

    def test_one_that_is_too_old_does_not_shield_another_that_is_not(self, truck: Truck) -> None:
        truck.send((0, OUT), (100, IN), (400, OUT), (500, OUT))
        truck.send((2 * DAY_S, OUT), (2 * DAY_S + 900, OUT))
        truck.send((380, OUT), (2 * DAY_S + 300, IN), (2 * DAY_S + 400, OUT))
        truck.refold()
        assert truck.visits == [(100, 400), (2 * DAY_S + 300, 2 * DAY_S + 400)]

    def test_what_retention_removed_stays_as_told(self, truck: Truck) -> None:
        truck.send((0, OUT), (100, IN), (400, OUT), (500, OUT))
        truck.send((1000, OUT), (2000, IN), (2100, OUT), (2200, OUT))
        forget_pings_before(truck, 900)
        truck.connection.execute("DELETE FROM vehicle_snapshots WHERE vehicle_id = %s", [truck.vehicle_id])
        truck.mark(None)
        truck.refold()
        assert truck.visits == [(100, 400), (2000, 2100)]

    def test_a_stay_over_the_horizon_is_carried_by_the_snapshot_kept_there(self, truck: Truck) -> None:
        """Retention took the pings of its beginning; folding all there is must not make a second stay of it."""
        truck.send((0, OUT), (100, IN), (200, IN))
        truck.send((DAY_S / 2, IN))
        truck.send((2 * DAY_S, IN))
        drop_old_snapshots(truck.connection, EAGER.lateness)
        forget_pings_before(truck, DAY_S - 3600)
        truck.mark(None)
        truck.refold()
        assert truck.visits == [(100, None)]
        truck.send((2 * DAY_S + 100, OUT), (2 * DAY_S + 200, OUT))
        assert truck.visits == [(100, 2 * DAY_S + 100)]
        assert len(truck.told) == 2

    def test_of_the_snapshots_beyond_lateness_the_newest_stays(self, truck: Truck) -> None:
        for start in (0, 600, 1200, 2 * DAY_S, 2 * DAY_S + 600):
            truck.send((start, OUT))
        assert drop_old_snapshots(truck.connection, EAGER.lateness) == 2
        assert truck.snapshots() == [1200, 2 * DAY_S, 2 * DAY_S + 600]
        assert drop_old_snapshots(truck.connection, EAGER.lateness) == 0

    def test_a_vehicle_of_less_history_than_lateness_is_folded_from_its_first_ping(
        self, truck: Truck
    ) -> None:
        truck.send((2 * DAY_S, OUT), (2 * DAY_S + 100, OUT))
        truck.send((0, IN), (100, OUT), (200, OUT))
        truck.refold()
        assert truck.visits == [(0, 100)]


def forget_pings_before(truck: Truck, seconds: float) -> None:
    """What retention does."""
    truck.connection.execute(
        "DELETE FROM pings WHERE device_id = %s AND time < %s", [truck.device_id, from_us(us(seconds))]
    )


class TestWhoRefoldsWhen:
    def test_nothing_due_is_none(self, connection: psycopg.Connection) -> None:
        assert Reconciler(connection, EAGER).run_once() is None

    def test_a_vehicle_still_uploading_is_left_alone_but_not_for_ever(self, truck: Truck) -> None:
        settings = ReconcileSettings(
            EAGER.rules,
            EAGER.snapshot_us,
            EAGER.lateness,
            quiet=timedelta(minutes=1),
            patience=timedelta(minutes=10),
        )
        reconciler = Reconciler(truck.connection, settings)
        truck.send((0, OUT))
        truck.mark(0, age_s=300)
        truck.mark(0, age_s=2)
        assert reconciler.run_once() is None, "marked 2 s ago"
        truck.mark(0, age_s=700)
        assert reconciler.run_once() is None, "the oldest mark by number has waited 300 s only"
        truck.connection.execute("UPDATE dirty_vehicles SET marked_at = marked_at - interval '6 minutes'")
        assert reconciler.run_once() is not None
        assert count(truck.connection, "SELECT count(*) FROM dirty_vehicles") == 0

    def test_a_vehicle_that_another_refolds_is_passed_over(
        self, connection: psycopg.Connection, database_url: str
    ) -> None:
        busy, free = Truck(connection), Truck(connection)
        for truck in (busy, free):
            truck.send((0, OUT))
            truck.mark(0)
        with psycopg.connect(database_url) as other:
            other.execute("SELECT FROM dirty_vehicles WHERE vehicle_id = %s FOR UPDATE", [busy.vehicle_id])
            reconciler = Reconciler(connection, EAGER)
            done = reconciler.run_once()
            assert done is not None
            assert done.vehicle_id == free.vehicle_id
            assert reconciler.run_once() is None
            other.rollback()
        busy.refold()

    def test_two_at_once_do_each_vehicle_once(
        self, connection: psycopg.Connection, database_url: str
    ) -> None:
        trucks = [Truck(connection) for _ in range(12)]
        for truck in trucks:
            truck.send((0, OUT), (1000, OUT))
            truck.send((500, IN), (600, OUT), (700, OUT))
        done: list[Reconciled] = []
        start = threading.Barrier(2)

        def work() -> None:
            with psycopg.connect(database_url, autocommit=True) as own:
                reconciler = Reconciler(own, EAGER)
                start.wait(60)
                while (one := reconciler.run_once()) is not None:
                    done.append(one)

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        left = Reconciler(connection, EAGER).run_once()
        assert left is None
        assert sorted(one.vehicle_id for one in done) == [truck.vehicle_id for truck in trucks]
        assert all(truck.visits == [(500, 600)] for truck in trucks)
        assert_told_adds_up(connection)

    def test_the_checkpoint_after_a_refold_is_that_of_all_pings(self, truck: Truck) -> None:
        truck.send((0, OUT), (1000, IN))
        truck.send((500, IN))
        truck.refold()
        row = truck.connection.execute(
            "SELECT state, state_time, time, lat, lon, device_id FROM vehicle_states WHERE vehicle_id = %s",
            [truck.vehicle_id],
        ).fetchone()
        assert row is not None
        state = decode_state(row[0])
        assert state.fences[truck.fence_id].first.time_us == us(500)
        assert row[1:3] == (from_us(us(1000)), from_us(us(1000)))
        assert row[3:] == (LAT, pytest.approx(LON), truck.device_id)
