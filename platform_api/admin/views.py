"""What the pages at /admin/ show, and the little that may be changed there.

Rules live in services, and a form goes round them: so most tables are only read here, and what changes
their state is an action that calls the service, or an endpoint of the API. Secrets are in no list.
"""

from collections.abc import Sequence
from types import new_class
from typing import Any, ClassVar

from sqladmin import ModelView

from platform_api.accounts.models import User
from platform_api.admin.models import AdminSession, AuditEntry, Impersonation, ImpersonationRequest
from platform_api.alerts.models import Alert
from platform_api.api_keys.models import ApiKey
from platform_api.bids.models import Bid
from platform_api.commands.models import Command
from platform_api.detention.models import DetentionClaim
from platform_api.disputes.models import Dispute
from platform_api.fleet.models import Device, Vehicle
from platform_api.fleet_documents.models import FleetDocument
from platform_api.geofences.models import Geofence
from platform_api.incidents.models import Incident
from platform_api.kyc.models import KycDocument
from platform_api.orders.models import Order, OrderFee, OrderHistory
from platform_api.organisations.models import Invitation, OrganisationMember
from platform_api.privacy.models import AccessEntry
from platform_api.profiles.models import Profile
from platform_api.ratings.models import OrderRating
from platform_api.sms.models import SmsMessage
from platform_api.tracking_links.models import TrackingLink
from platform_api.vehicle_types.models import VehicleType
from platform_api.waybills.models import Waybill
from platform_api.webhooks.models import WebhookDelivery, WebhookEndpoint

SECRETS = frozenset({"password_hash", "secret", "key_hash", "token_hash", "code_hash", "salt", "token"})


class _Read(ModelView):
    """Reading alone."""

    can_create = False
    can_edit = False
    can_delete = False
    can_export = False
    page_size = 25
    page_size_options: ClassVar[list[int]] = [25, 50, 100, 200]


def columns_of(model: type[Any], without: Sequence[str] = ()) -> list[str]:
    """All but secrets and `without`."""
    left_out = SECRETS | set(without)
    return [column.name for column in model.__table__.columns if column.name not in left_out]


def reading(
    model: type[Any],
    category: str,
    listed: str = "",
    *,
    plural: str | None = None,
    without: Sequence[str] = (),
    search: str = "",
    newest_by: str | None = None,
) -> type[ModelView]:
    """A view that only reads. `listed`, `search`: names of columns; without `listed` the list shows them all."""
    shown = columns_of(model, without)
    attributes: dict[str, Any] = {
        "__module__": __name__,
        "category": category,
        "column_list": listed.split() or shown,
        "column_details_list": shown,
        "column_searchable_list": search.split(),
    }
    if plural is not None:
        attributes["name_plural"] = plural
    if newest_by is not None:
        attributes["column_default_sort"] = (newest_by, True)
        attributes["column_sortable_list"] = [newest_by]
    return new_class(
        f"{model.__name__}Admin", (_Read,), {"model": model}, lambda body: body.update(attributes)
    )


class UserAdmin(_Read, model=User):
    """Disabling works with the next request, also at the MQTT broker's next sign-in."""

    category = "People"
    can_edit = True
    column_list: ClassVar[list[str]] = ["phone", "name", "role", "carrier_id", "disabled", "created_at", "id"]
    column_details_list: ClassVar[list[str]] = columns_of(User)
    column_searchable_list: ClassVar[list[str]] = ["phone", "name"]
    column_sortable_list: ClassVar[list[str]] = ["name", "role", "created_at"]
    column_default_sort = ("created_at", True)
    form_columns: ClassVar[list[str]] = ["name", "disabled"]


class VehicleTypeAdmin(ModelView, model=VehicleType):
    category = "Fleet"
    can_delete = False
    can_export = False
    form_include_pk = True
    column_list: ClassVar[list[str]] = columns_of(VehicleType)


VIEWS: tuple[type[ModelView], ...] = (
    UserAdmin,
    reading(Profile, "People"),
    reading(OrganisationMember, "People", plural="Members"),
    reading(Invitation, "People"),
    # Reviewed through /api/v1/kyc/, which shows the pages and notes who looked at them.
    reading(KycDocument, "People", plural="Papers of businesses"),
    VehicleTypeAdmin,
    reading(Vehicle, "Fleet", "plate name type_code carrier_id driver_id available id", search="plate name"),
    reading(Device, "Fleet", "uid kind carrier_id user_id disabled created_at id", search="uid"),
    reading(FleetDocument, "Fleet"),
    reading(Command, "Fleet", "id device_id kind state created_by created_at"),
    reading(
        Order,
        "Freight",
        "reference status goods pickup_name delivery_name created_at id",
        without=("pickup_shape", "delivery_shape", "planned_route"),
        search="reference",
        newest_by="created_at",
    ),
    reading(Bid, "Freight", "id order_id carrier_id amount_xof status created_at"),
    reading(
        OrderHistory,
        "Freight",
        "id order_id action from_status to_status actor_kind event_time",
        plural="Order history",
        newest_by="id",
    ),
    reading(OrderFee, "Freight"),
    reading(TrackingLink, "Freight"),
    reading(Waybill, "Freight", "id carrier_id number order_id issued_at voided_at"),
    reading(DetentionClaim, "Freight", "id order_id carrier_id status amount_xof claimed_at"),
    # Settled through /api/v1/orders/<id>/dispute/resolve/, which moves the order.
    reading(
        Dispute, "Freight", "id order_id reason state outcome reviewer_id created_at", newest_by="created_at"
    ),
    reading(OrderRating, "Freight", plural="Ratings"),
    reading(Incident, "Freight", "id kind severity order_id carrier_id happened_at closed_at"),
    reading(Geofence, "Freight", "id name owner_id vehicle_id carrier_id valid_from retired_at"),
    reading(Alert, "Freight", "id kind severity party_id order_id at acknowledged_at", newest_by="id"),
    # Without the texts: they may be codes.
    reading(SmsMessage, "Outside", plural="Text messages", without=("text",)),
    reading(WebhookEndpoint, "Outside", plural="Webhooks"),
    reading(WebhookDelivery, "Outside"),
    reading(ApiKey, "Outside", plural="API keys"),
    reading(
        AuditEntry,
        "Record",
        "id recorded_at actor_id acting_as channel action table_name row_key",
        plural="Audit log",
        search="table_name action",
        newest_by="id",
    ),
    reading(Impersonation, "Record"),
    reading(ImpersonationRequest, "Record", newest_by="id"),
    reading(AdminSession, "Record", plural="Sign-ins here"),
    reading(AccessEntry, "Record", plural="Who looked at whose positions"),
)
