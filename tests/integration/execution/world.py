"""What the execution tests play with: phones that send batches, pictures, and what the order comes to."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from PIL import Image

from config.database import transaction
from platform_api.orders.models import Order
from tests.integration.orders.world import Assigned, World
from tests.support.api import Person

SYNC = "/api/v1/driver/sync/"
POSITION = {"lat": 14.6797, "lon": -17.4281, "accuracy_m": 8}
AT_DELIVERY = {"lat": 14.1652, "lon": -16.0757, "accuracy_m": 8}


def picture(shade: int = 90) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, 120, 40)).save(made, "PNG")
    return made.getvalue()


class ExecutionWorld(World):
    def upload(self, who: Person, content: bytes | None = None) -> str:
        response = who.client.post(
            "/api/v1/files/",
            content=content or picture(),
            headers={**who.headers, "Content-Type": "application/octet-stream"},
        )
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def action(self, order: Assigned, kind: str, minutes: float, **more: Any) -> dict[str, Any]:
        """As a phone makes it, so many minutes after the assignment."""
        time = order.at(minutes).isoformat()
        return {"id": str(uuid4()), "order_id": str(order.id), "kind": kind, "time": time, **more}

    def sync(self, who: Person, *actions: dict[str, Any]) -> list[dict[str, Any]]:
        response = who.post(SYNC, {"actions": list(actions)})
        assert response.status_code == 200, response.text
        results: list[dict[str, Any]] = response.json()["results"]
        return results

    def states(self, who: Person, *actions: dict[str, Any]) -> list[str]:
        """The state of each, or the code of its refusal."""
        return [result["code"] or result["state"] for result in self.sync(who, *actions)]

    def just_assigned(self) -> Assigned:
        """As `assigned`, five minutes ago: the driver may still answer."""
        order = self.assigned()
        return self._since(order, datetime.now(UTC) - timedelta(minutes=5))

    def _since(self, order: Assigned, start: datetime) -> Assigned:
        self.sql("UPDATE orders SET assigned_at = %s WHERE id = %s", start, order.id)
        return Assigned(
            order.id, order.vehicle_id, start, order.fences, order.shipper, order.carrier, order.driver
        )

    def with_consignee(self, order: Assigned, phone: str = "+221771230000") -> Assigned:
        """Somebody at the delivery has a phone."""
        with transaction() as session:
            session.get_one(Order, order.id).delivery_contact_phone = phone
        return order

    def proof_row(self, order: Assigned) -> dict[str, Any]:
        """The history row of the delivery that counts."""
        return [row for row in self.history(order) if row["action"] == "proof_of_delivery"][-1]

    def actions_of(self, order: Assigned) -> list[str]:
        return [row["action"] for row in self.history(order)]
