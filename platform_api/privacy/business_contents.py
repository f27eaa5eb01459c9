"""What the copy of a shipper, carrier or broker holds beside what everybody's does. Read only, as `contents`.

Of a business that was handed over nothing is in its founder's copy: it is another's now, who has it by bulk exports.
"""

from typing import Final

from platform_api.privacy.contents import OWN, Part, part


def _part(name: str, french: str, english: str, query: str) -> Part:
    """`OWN_BUSINESS` in the query: whether the business is still his."""
    return part(name, french, english, query.replace("OWN_BUSINESS", OWN))


TABLES: Final[tuple[Part, ...]] = (
    _part(
        "membership",
        "l'entreprise pour laquelle vous agissez, et comment",
        "the business that you act for, and as what",
        """
        SELECT m.owner_id AS business_id, coalesce(nullif(p.company_name, ''), '') AS business, m.role, m.joined_at
        FROM organisation_members m LEFT JOIN profiles p ON p.user_id = m.owner_id WHERE m.user_id = :subject
        """,
    ),
    _part(
        "handovers",
        "les entreprises que vous avez cédées ou reprises",
        "businesses that you handed over or were offered",
        """
        SELECT id, owner_id AS business_id, from_user = :subject AS by_you, state, created_at, answered_at
        FROM ownership_offers WHERE :subject IN (from_user, to_user) ORDER BY created_at, id
        """,
    ),
    _part(
        "business",
        "ce que votre entreprise a dit d'elle-même",
        "what your business said of itself",
        "SELECT company_name, ninea, rccm, region FROM profiles WHERE user_id = :subject AND OWN_BUSINESS",
    ),
    _part(
        "business_orders",
        "les commandes de votre entreprise ; le prix est celui que vous avez convenu vous-même",
        "orders of your business; the price is the one that you agreed on yourself",
        # Between a shipper and a broker the carrier's price is the broker's own.
        """
        SELECT o.id, o.reference, o.status, o.goods, o.weight_kg, o.pickup_name, o.delivery_name,
               CASE WHEN :subject IN (o.shipper_id, o.broker_id) THEN o.pickup_contact_name END AS pickup_contact_name,
               CASE WHEN :subject IN (o.shipper_id, o.broker_id) THEN o.pickup_contact_phone END AS pickup_contact_phone,
               CASE WHEN :subject IN (o.shipper_id, o.broker_id) THEN o.delivery_contact_name END AS delivery_contact_name,
               CASE WHEN :subject IN (o.shipper_id, o.broker_id) THEN o.delivery_contact_phone END AS delivery_contact_phone,
               CASE WHEN o.broker_id IS NULL OR :subject IN (o.carrier_id, o.broker_id) THEN o.agreed_xof END AS agreed_xof,
               o.created_at, o.assigned_at, o.picked_up_at, o.delivered_at, o.completed_at, o.cancelled_at
        FROM orders o WHERE :subject IN (o.shipper_id, o.broker_id, o.carrier_id) AND OWN_BUSINESS ORDER BY o.created_at, o.id
        """,
    ),
    _part(
        "bids",
        "vos offres",
        "your bids",
        """
        SELECT id, order_id, vehicle_id, amount_xof, message, status, created_at FROM bids
        WHERE carrier_id = :subject AND OWN_BUSINESS ORDER BY created_at, id
        """,
    ),
    _part(
        "waybills",
        "vos lettres de voiture",
        "your waybills",
        """
        SELECT id, order_id, number, issued_at, voided_at FROM waybills
        WHERE carrier_id = :subject AND OWN_BUSINESS ORDER BY number
        """,
    ),
    _part(
        "vehicles",
        "vos véhicules",
        "your vehicles",
        """
        SELECT id, plate, name, type_code, capacity_kg, tare_kg, ptac_kg, created_at FROM vehicles
        WHERE carrier_id = :subject AND OWN_BUSINESS ORDER BY id
        """,
    ),
    _part(
        "vehicle_documents",
        "les documents de vos véhicules, remplacés compris",
        "documents of your vehicles, replaced ones included",
        """
        SELECT d.id, v.plate, d.kind, d.number, d.issued_on, d.expires_on, d.created_at, d.ended_at, f.name AS file_name
        FROM fleet_documents d JOIN vehicles v ON v.id = d.vehicle_id JOIN files f ON f.id = d.file_id
        WHERE v.carrier_id = :subject AND OWN_BUSINESS ORDER BY d.created_at, d.id
        """,
    ),
    _part(
        "trackers",
        "vos appareils",
        "your devices",
        """
        SELECT uid, kind, created_at, disabled FROM devices WHERE carrier_id = :subject AND OWN_BUSINESS ORDER BY id
        """,
    ),
    _part(
        "templates",
        "vos modèles de commandes",
        "your templates of orders",
        """
        SELECT id, name, body, created_at, removed_at FROM order_templates
        WHERE party_id = :subject AND OWN_BUSINESS ORDER BY created_at, id
        """,
    ),
    _part(
        "geofences",
        "les zones que vous avez dessinées",
        "geofences that you drew",
        """
        SELECT id, name, shape, created_at, retired_at FROM geofences
        WHERE owner_id = :subject AND vehicle_id IS NULL AND OWN_BUSINESS ORDER BY id
        """,
    ),
    _part(
        "ratings",
        "les notes que vous avez données",
        "ratings that you gave",
        """
        SELECT order_id, stars, comment, created_at FROM order_ratings WHERE author_id = :subject ORDER BY created_at, id
        """,
    ),
    _part(
        "disputes",
        "les litiges que vous avez ouverts",
        "disputes that you opened",
        """
        SELECT id, order_id, reason, description, claimed_xof, state, outcome, verdict, created_at, resolved_at
        FROM disputes WHERE opened_by = :subject ORDER BY created_at, id
        """,
    ),
    _part(
        "api_keys",
        "vos clés d'API, sans leur secret",
        "your API keys, without their secrets",
        """
        SELECT name, prefix, scopes, created_at, expires_at, last_used_at, revoked_at
        FROM api_keys WHERE user_id = :subject ORDER BY created_at, id
        """,
    ),
    _part(
        "webhooks",
        "vos webhooks, sans leur secret",
        "your webhooks, without their secrets",
        """
        SELECT url, events, enabled, created_at, deleted_at FROM webhook_endpoints
        WHERE party_id = :subject AND OWN_BUSINESS ORDER BY created_at, id
        """,
    ),
)
