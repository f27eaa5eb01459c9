"""What the pages at /admin/ show, and the little that may be changed there.

Rules live in services, and a form goes round them: so most tables are only read here, and what changes
their state is an action that calls the service, or an endpoint of the API. Secrets are in no list.
"""

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


def _columns(model: type[Any], *without: str) -> list[str]:
    left_out = SECRETS | set(without)
    return [column.name for column in model.__table__.columns if column.name not in left_out]


class UserAdmin(_Read, model=User):
    """Disabling works with the next request, also at the MQTT broker's next sign-in."""

    category = "People"
    icon = "fa-solid fa-user"
    can_edit = True
    column_list: ClassVar[list[str]] = ["phone", "name", "role", "carrier_id", "disabled", "created_at", "id"]
    column_details_list: ClassVar[list[str]] = _columns(User)
    column_searchable_list: ClassVar[list[str]] = ["phone", "name"]
    column_sortable_list: ClassVar[list[str]] = ["name", "role", "created_at"]
    column_default_sort = ("created_at", True)
    form_columns: ClassVar[list[str]] = ["name", "disabled"]


class ProfileAdmin(_Read, model=Profile):
    category = "People"
    column_list: ClassVar[list[str]] = _columns(Profile)
    column_details_list: ClassVar[list[str]] = _columns(Profile)


class MemberAdmin(_Read, model=OrganisationMember):
    category = "People"
    name_plural = "Members"
    column_list: ClassVar[list[str]] = _columns(OrganisationMember)
    column_details_list: ClassVar[list[str]] = _columns(OrganisationMember)


class InvitationAdmin(_Read, model=Invitation):
    category = "People"
    column_list: ClassVar[list[str]] = _columns(Invitation)
    column_details_list: ClassVar[list[str]] = _columns(Invitation)


class KycAdmin(_Read, model=KycDocument):
    """Reviewed through `/api/v1/kyc/`, which shows the pages and notes who looked at them."""

    category = "People"
    name_plural = "Documents that prove who somebody is"
    column_list: ClassVar[list[str]] = _columns(KycDocument)
    column_details_list: ClassVar[list[str]] = _columns(KycDocument)


class VehicleTypeAdmin(ModelView, model=VehicleType):
    category = "Fleet"
    can_delete = False
    can_export = False
    form_include_pk = True
    column_list: ClassVar[list[str]] = _columns(VehicleType)


class VehicleAdmin(_Read, model=Vehicle):
    category = "Fleet"
    icon = "fa-solid fa-truck"
    column_list: ClassVar[list[str]] = [
        "plate",
        "name",
        "type_code",
        "carrier_id",
        "driver_id",
        "available",
        "id",
    ]
    column_details_list: ClassVar[list[str]] = _columns(Vehicle)
    column_searchable_list: ClassVar[list[str]] = ["plate", "name"]


class DeviceAdmin(_Read, model=Device):
    category = "Fleet"
    column_list: ClassVar[list[str]] = [
        "uid",
        "kind",
        "carrier_id",
        "user_id",
        "disabled",
        "created_at",
        "id",
    ]
    column_details_list: ClassVar[list[str]] = _columns(Device)
    column_searchable_list: ClassVar[list[str]] = ["uid"]


class FleetDocumentAdmin(_Read, model=FleetDocument):
    category = "Fleet"
    column_list: ClassVar[list[str]] = _columns(FleetDocument)
    column_details_list: ClassVar[list[str]] = _columns(FleetDocument)


class CommandAdmin(_Read, model=Command):
    category = "Fleet"
    column_list: ClassVar[list[str]] = ["id", "device_id", "kind", "state", "created_by", "created_at"]
    column_details_list: ClassVar[list[str]] = _columns(Command)


class OrderAdmin(_Read, model=Order):
    category = "Freight"
    icon = "fa-solid fa-box"
    column_list: ClassVar[list[str]] = [
        "reference",
        "status",
        "goods",
        "pickup_name",
        "delivery_name",
        "created_at",
        "id",
    ]
    column_details_list: ClassVar[list[str]] = _columns(
        Order, "pickup_shape", "delivery_shape", "planned_route"
    )
    column_searchable_list: ClassVar[list[str]] = ["reference"]
    column_sortable_list: ClassVar[list[str]] = ["created_at"]
    column_default_sort = ("created_at", True)


class BidAdmin(_Read, model=Bid):
    category = "Freight"
    column_list: ClassVar[list[str]] = ["id", "order_id", "carrier_id", "amount_xof", "status", "created_at"]
    column_details_list: ClassVar[list[str]] = _columns(Bid)


class OrderHistoryAdmin(_Read, model=OrderHistory):
    category = "Freight"
    name_plural = "Order history"
    column_list: ClassVar[list[str]] = [
        "id",
        "order_id",
        "action",
        "from_status",
        "to_status",
        "actor_kind",
        "event_time",
    ]
    column_details_list: ClassVar[list[str]] = _columns(OrderHistory)
    column_default_sort = ("id", True)


class OrderFeeAdmin(_Read, model=OrderFee):
    category = "Freight"
    column_list: ClassVar[list[str]] = _columns(OrderFee)
    column_details_list: ClassVar[list[str]] = _columns(OrderFee)


class TrackingLinkAdmin(_Read, model=TrackingLink):
    category = "Freight"
    column_list: ClassVar[list[str]] = _columns(TrackingLink)
    column_details_list: ClassVar[list[str]] = _columns(TrackingLink)


class DetentionClaimAdmin(_Read, model=DetentionClaim):
    category = "Freight"
    column_list: ClassVar[list[str]] = _columns(DetentionClaim)[:8]
    column_details_list: ClassVar[list[str]] = _columns(DetentionClaim)


class DisputeAdmin(_Read, model=Dispute):
    """Settled through `/api/v1/orders/<id>/dispute/resolve/`, which moves the order."""

    category = "Freight"
    column_list: ClassVar[list[str]] = [
        "id",
        "order_id",
        "reason",
        "state",
        "outcome",
        "reviewer_id",
        "created_at",
    ]
    column_details_list: ClassVar[list[str]] = _columns(Dispute)
    column_default_sort = ("created_at", True)


class RatingAdmin(_Read, model=OrderRating):
    category = "Freight"
    name_plural = "Ratings"
    column_list: ClassVar[list[str]] = _columns(OrderRating)
    column_details_list: ClassVar[list[str]] = _columns(OrderRating)


class IncidentAdmin(_Read, model=Incident):
    category = "Freight"
    column_list: ClassVar[list[str]] = [
        "id",
        "kind",
        "severity",
        "order_id",
        "carrier_id",
        "happened_at",
        "closed_at",
    ]
    column_details_list: ClassVar[list[str]] = _columns(Incident)


class WaybillAdmin(_Read, model=Waybill):
    category = "Freight"
    column_list: ClassVar[list[str]] = _columns(Waybill, "content")[:8]
    column_details_list: ClassVar[list[str]] = _columns(Waybill)


class GeofenceAdmin(_Read, model=Geofence):
    category = "Freight"
    column_list: ClassVar[list[str]] = [
        "id",
        "name",
        "owner_id",
        "vehicle_id",
        "carrier_id",
        "valid_from",
        "retired_at",
    ]
    column_details_list: ClassVar[list[str]] = _columns(Geofence)


class AlertAdmin(_Read, model=Alert):
    category = "Freight"
    column_list: ClassVar[list[str]] = [
        "id",
        "kind",
        "severity",
        "party_id",
        "order_id",
        "at",
        "acknowledged_at",
    ]
    column_details_list: ClassVar[list[str]] = _columns(Alert)
    column_default_sort = ("id", True)


class SmsAdmin(_Read, model=SmsMessage):
    """Without the texts: they may be codes."""

    category = "Outside"
    name_plural = "Text messages"
    column_list: ClassVar[list[str]] = _columns(SmsMessage, "text", "body")
    column_details_list: ClassVar[list[str]] = _columns(SmsMessage, "text", "body")


class WebhookAdmin(_Read, model=WebhookEndpoint):
    category = "Outside"
    name_plural = "Webhooks"
    column_list: ClassVar[list[str]] = _columns(WebhookEndpoint)
    column_details_list: ClassVar[list[str]] = _columns(WebhookEndpoint)


class WebhookDeliveryAdmin(_Read, model=WebhookDelivery):
    category = "Outside"
    column_list: ClassVar[list[str]] = _columns(WebhookDelivery)
    column_details_list: ClassVar[list[str]] = _columns(WebhookDelivery)


class ApiKeyAdmin(_Read, model=ApiKey):
    category = "Outside"
    name_plural = "API keys"
    column_list: ClassVar[list[str]] = _columns(ApiKey)
    column_details_list: ClassVar[list[str]] = _columns(ApiKey)


class AuditAdmin(_Read, model=AuditEntry):
    category = "Record"
    icon = "fa-solid fa-clock-rotate-left"
    name_plural = "Audit log"
    column_list: ClassVar[list[str]] = [
        "id", "recorded_at", "actor_id", "acting_as", "channel", "action", "table_name", "row_key",
    ]  # fmt: skip
    column_details_list: ClassVar[list[str]] = _columns(AuditEntry)
    column_searchable_list: ClassVar[list[str]] = ["table_name", "action"]
    column_default_sort = ("id", True)


class ImpersonationAdmin(_Read, model=Impersonation):
    category = "Record"
    column_list: ClassVar[list[str]] = _columns(Impersonation)
    column_details_list: ClassVar[list[str]] = _columns(Impersonation)


class ImpersonationRequestAdmin(_Read, model=ImpersonationRequest):
    category = "Record"
    column_list: ClassVar[list[str]] = _columns(ImpersonationRequest)
    column_default_sort = ("id", True)


class AdminSessionAdmin(_Read, model=AdminSession):
    category = "Record"
    name_plural = "Sign-ins here"
    column_list: ClassVar[list[str]] = _columns(AdminSession)
    column_details_list: ClassVar[list[str]] = _columns(AdminSession)


class AccessAdmin(_Read, model=AccessEntry):
    category = "Record"
    name_plural = "Who looked at whose positions"
    column_list: ClassVar[list[str]] = _columns(AccessEntry)
    column_details_list: ClassVar[list[str]] = _columns(AccessEntry)


VIEWS: tuple[type[ModelView], ...] = (*_Read.__subclasses__(), VehicleTypeAdmin)
