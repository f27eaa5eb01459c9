"""Orders that were delivered, and what comes afterwards."""

import io
from typing import Any

from PIL import Image

from tests.integration.orders.world import Assigned, World
from tests.support.api import Person, code_of


class After(World):
    def delivered(self) -> Assigned:
        order = self.assigned()
        for path, body in (
            ("confirm-loading/", {}),
            ("proof-of-delivery/", {"receiver_name": "Moussa Fall"}),
        ):
            answer = order.driver.post(f"{order.path}{path}", body)
            assert answer.status_code == 200, answer.text
        return order

    def completed(self) -> Assigned:
        order = self.delivered()
        assert code_of(order.shipper.post(f"{order.path}confirm-delivery/")) == (200, "")
        return order

    def status(self, order: Assigned) -> str:
        return str(order.shipper.get(order.path).json()["status"])

    def photo(self, someone: Person) -> str:
        content = io.BytesIO()
        Image.new("RGB", (2, 2)).save(content, "PNG")
        answer = self.client.post("/api/v1/files/", content=content.getvalue(), headers=someone.headers)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def alerts(self, someone: Person, kind: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = someone.get("/api/v1/alerts/", params={"kind": kind}).json()["items"]
        return items
