"""What a shipper says, put into rows."""

from collections.abc import Sequence
from uuid import UUID

from platform_api.orders.content import Call, Content, Stop
from platform_api.orders.models import Order, OrderStop


def write_content(order: Order, content: Content) -> None:
    """Into the order's columns; its stops are rows of their own, see `stop_rows`, and found by their names here."""
    goods = content.goods
    order.goods, order.category, order.packaging = goods.description, goods.category, goods.packaging
    order.packages, order.weight_kg, order.volume_m3 = goods.packages, goods.weight_kg, goods.volume_m3
    order.value_xof, order.un_number = goods.value_xof, goods.un_number
    order.needs = sorted(goods.needs)
    order.temperature_min_c, order.temperature_max_c = goods.temperature_min_c, goods.temperature_max_c
    order.vehicle_type, order.instructions = content.vehicle_type, content.instructions
    order.target_xof, order.target_shown = content.target_xof, content.target_shown
    order.bidding = content.bidding
    order.expires_at, order.planned_route = content.expires_at, content.planned_route
    order.stop_names = "\n".join(stop.call.site.name for stop in content.stops)
    _write_pickup(order, content.pickup)
    _write_delivery(order, content.delivery)


def _write_pickup(order: Order, call: Call) -> None:
    site, window, contact = call.site, call.window, call.contact
    order.pickup_name, order.pickup_lat, order.pickup_lon = site.name, site.lat, site.lon
    order.pickup_shape = site.shape
    order.pickup_opens_at, order.pickup_closes_at = window.opens_at, window.closes_at
    order.pickup_contact_name, order.pickup_contact_phone = contact.name, contact.phone


def _write_delivery(order: Order, call: Call) -> None:
    site, window, contact = call.site, call.window, call.contact
    order.delivery_name, order.delivery_lat, order.delivery_lon = site.name, site.lat, site.lon
    order.delivery_shape = site.shape
    order.delivery_opens_at, order.delivery_closes_at = window.opens_at, window.closes_at
    order.delivery_contact_name, order.delivery_contact_phone = contact.name, contact.phone


def stop_rows(order_id: UUID, stops: Sequence[Stop]) -> list[OrderStop]:
    """In their order, numbered from 1."""
    return [
        OrderStop(
            order_id=order_id,
            sequence=number,
            kind=stop.kind,
            name=stop.call.site.name,
            lat=stop.call.site.lat,
            lon=stop.call.site.lon,
            shape=stop.call.site.shape,
            opens_at=stop.call.window.opens_at,
            closes_at=stop.call.window.closes_at,
            contact_name=stop.call.contact.name,
            contact_phone=stop.call.contact.phone,
            goods_note=stop.goods_note,
        )
        for number, stop in enumerate(stops, start=1)
    ]
