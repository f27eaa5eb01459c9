"""The truck on the order's way, as a tracker that speaks MQTT, in a thread with an event loop of its own."""

import asyncio
import threading

from config import clock
from simulator.device import Broker
from simulator.fleet import Crew, Summary, run_fleet
from simulator.plans import Delivery, plan_delivery
from simulator.receiver import TRACKER as RECEIVER
from simulator.receiver import drive
from simulator.trouble import Trouble, publish_schedule
from tests.e2e.life_cycle.joining import TRACKER
from tests.e2e.life_cycle.stage import DROP, PICKUP, SPEED, Stage

# Long enough for people to do at each place what they do there, at SPEED.
PICKUP_WAIT_S, DROP_WAIT_S = 3600.0, 3000.0
# Far enough that the fixes outside the fence span its `exit_dwell_s`; else the last exit is never confirmed.
LEAVE_M = 8_000.0
# Repeats, and fixes without satellites: all sides of the account have something to count.
TROUBLE = Trouble(duplicates=0.05, zero=0.01)
JOIN_S = 120.0


class Truck:
    def __init__(self, stage: Stage, mqtt_password: str) -> None:
        settings = stage.settings
        self._broker = Broker(settings.mqtt_host, settings.mqtt_port, settings.mqtt_protocol)
        self._password = mqtt_password
        self._summary: Summary | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def arrive(self) -> Summary:
        """At the end of its way, with everything acknowledged."""
        self._thread.join(JOIN_S)
        assert self._summary is not None, "the truck did not come to the end of its way"
        assert self._summary.complete, self._summary
        return self._summary

    def _run(self) -> None:
        start_us = clock.now_us()
        way = Delivery(
            (PICKUP[2], PICKUP[1]),
            (DROP[2], DROP[1]),
            pickup_wait_s=PICKUP_WAIT_S,
            drop_wait_s=DROP_WAIT_S,
            leave_m=LEAVE_M,
        )
        plan = plan_delivery(way)
        fixes = drive(plan.route, seed="life cycle", start_us=start_us, stops=plan.stops, receiver=RECEIVER)
        crew = Crew(TRACKER, self._password, publish_schedule(fixes, TROUBLE, seed=TRACKER))
        self._summary = asyncio.run(run_fleet(self._broker, [crew], start_us=start_us, speed_up=SPEED))
