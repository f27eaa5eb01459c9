"""What a copy holds, of everybody and of drivers: one part a file, each a query over what is his. Read only, and read in pieces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import TextClause, text

from platform_api.orders.crew_since import BOTH_SINCE

# Whether the business of this account is still its own.
OWN = "NOT EXISTS (SELECT FROM organisation_members h WHERE h.owner_id = :subject AND h.role = 'owner')"

# Positions of vehicles are his while he drove an order with them: from when he and the vehicle were put on it to its end.
WINDOWS = f"""
SELECT o.id AS order_id, o.vehicle_id,
       {BOTH_SINCE} AS since,
       COALESCE(LEAST(o.delivered_at, o.completed_at, o.cancelled_at), 'infinity') AS until
FROM orders o WHERE o.driver_id = :subject AND o.vehicle_id IS NOT NULL AND o.assigned_at IS NOT NULL
"""  # noqa: S608 - a constant


@dataclass(frozen=True, slots=True)
class Part:
    """`what` is said in the read-me, in French and English; `columns` are in the order of the query."""

    name: str
    what: tuple[str, str]
    query: TextClause


def part(name: str, french: str, english: str, query: str) -> Part:
    return Part(name, (french, english), text(query))


# One object each, as JSON.
OBJECTS: Final[Mapping[str, Part]] = {
    one.name: one
    for one in (
        part(
            "account",
            "votre compte",
            "your account",
            """
            SELECT u.id, u.phone, u.name, u.role, u.created_at, u.disabled, c.id AS carrier_id, c.name AS carrier_name
            FROM users u LEFT JOIN users c ON c.id = u.carrier_id WHERE u.id = :subject
            """,
        ),
    )
}

# Rows, as CSV: all of a driver's.
TABLES: Final[tuple[Part, ...]] = (
    part(
        "devices",
        "vos téléphones, et depuis quand",
        "your phones, and since when",
        """
        SELECT d.uid, d.kind, d.created_at AS registered_at, o.since, o.until, d.disabled
        FROM phone_owners o JOIN devices d ON d.id = o.device_id WHERE o.user_id = :subject ORDER BY o.id
        """,
    ),
    part(
        "phone_pings",
        "les positions envoyées par vos téléphones",
        "positions that your phones sent",
        """
        SELECT d.uid, p.time, p.received_at, p.lat, p.lon, p.speed_kmh, p.heading_deg, p.altitude_m, p.accuracy_m,
               p.satellites, p.hdop, p.ignition, p.battery_pct, p.fuel_pct, p.odometer_km, p.seq, p.mock, p.extra
        FROM phone_owners o JOIN devices d ON d.id = o.device_id
        CROSS JOIN LATERAL (
            SELECT * FROM pings WHERE pings.device_id = o.device_id
                AND (o.since IS NULL OR pings.time >= o.since) AND (o.until IS NULL OR pings.time < o.until)
        ) AS p
        WHERE o.user_id = :subject
        """,
    ),
    part(
        "phone_presence",
        "quand vos téléphones étaient connectés",
        "when your phones were connected",
        """
        SELECT d.uid, c.state, c.at FROM phone_owners o JOIN devices d ON d.id = o.device_id
        JOIN presence_changes c ON c.device_id = o.device_id
            AND (o.since IS NULL OR c.at >= o.since) AND (o.until IS NULL OR c.at < o.until)
        WHERE o.user_id = :subject ORDER BY c.id
        """,
    ),
    part(
        "phone_days",
        "combien de positions vos téléphones ont envoyées chaque jour, et combien ont été refusées",
        "how many positions your phones sent each day, and how many were refused",
        """
        SELECT d.uid, a.day, a.received, a.stored, a.duplicate, a.late, a.rejected, a.rejected_by
        FROM phone_owners o JOIN devices d ON d.id = o.device_id
        JOIN device_accounts a ON a.device_id = o.device_id
            AND (o.since IS NULL OR a.day >= (o.since AT TIME ZONE 'UTC')::date)
            AND (o.until IS NULL OR a.day <= (o.until AT TIME ZONE 'UTC')::date)
        WHERE o.user_id = :subject ORDER BY d.uid, a.day
        """,
    ),
    part(
        "duty_periods",
        "vos périodes de service",
        "your duty periods",
        """
        SELECT started_at, ended_at, ended_by, closes_at, recorded_at FROM duty_periods
        WHERE user_id = :subject ORDER BY started_at
        """,
    ),
    part(
        "orders",
        "les commandes que vous avez conduites",
        "orders that you drove",
        """
        SELECT o.id, o.status, o.goods, o.weight_kg, o.pickup_name, o.delivery_name, v.plate, o.assigned_at,
               o.arrived_pickup_at, o.picked_up_at, o.departed_pickup_at, o.arrived_delivery_at, o.delivered_at,
               o.departed_delivery_at, o.completed_at, o.cancelled_at
        FROM orders o LEFT JOIN vehicles v ON v.id = o.vehicle_id
        WHERE o.driver_id = :subject ORDER BY o.assigned_at, o.id
        """,
    ),
    part(
        "order_actions",
        "ce que vous avez confirmé vous-même",
        "what you confirmed yourself",
        """
        SELECT order_id, action, from_status, to_status, event_time, recorded_at, evidence FROM order_history
        WHERE actor_id = :subject ORDER BY id
        """,
    ),
    part(
        "statements",
        "ce que vous avez envoyé pour vos commandes, pris en compte ou non",
        "what you sent for your orders, taken or not",
        """
        SELECT id, order_id, source, kind, at, recorded_at, lat, lon, accuracy_m, body, verdict, refusal, flags
        FROM driver_actions WHERE user_id = :subject ORDER BY at, id
        """,
    ),
    part(
        "visits",
        "les lieux visités par le véhicule pendant vos commandes",
        "places the vehicle visited during your orders",
        f"""
        SELECT w.order_id, g.name, v.entered_at, v.exited_at, v.inferred, v.enter_evidence, v.exit_evidence
        FROM ({WINDOWS}) AS w JOIN visits v ON v.vehicle_id = w.vehicle_id AND v.retracted_at IS NULL
            AND v.entered_at >= w.since AND v.entered_at < w.until
        JOIN geofences g ON g.id = v.geofence_id ORDER BY v.entered_at, v.id
        """,  # noqa: S608 - a constant of this module
    ),
    part(
        "intervals",
        "trajets, arrêts et événements du véhicule pendant vos commandes",
        "trips, stops and events of the vehicle during your orders",
        f"""
        SELECT w.order_id, i.kind, i.origin, i.started_at, i.ended_at, i.start_lat, i.start_lon, i.end_lat, i.end_lon,
               i.details
        FROM ({WINDOWS}) AS w JOIN intervals i ON i.vehicle_id = w.vehicle_id AND i.retracted_at IS NULL
            AND i.started_at >= w.since AND i.started_at < w.until
        ORDER BY i.started_at, i.id
        """,  # noqa: S608 - a constant of this module
    ),
    part(
        "profile",
        "ce que vous avez dit de vous-même",
        "what you said of yourself",
        "SELECT language, email, address, version, updated_at FROM profiles WHERE user_id = :subject",
    ),
    part(
        "papers",
        "les documents que vous avez envoyés, et leur vérification",
        "documents that you sent, and their review",
        f"""
        SELECT d.id, d.kind, d.number, d.expires_on, d.state, d.reason, d.submitted_at, d.decided_at, f.name AS file_name,
               p.page, f.media_type, f.sha256
        FROM kyc_documents d LEFT JOIN kyc_pages p ON p.document_id = d.id LEFT JOIN files f ON f.id = p.file_id
        WHERE d.party_id = :subject AND (d.kind IN ('identity_card', 'passport') OR {OWN})
        ORDER BY d.submitted_at, d.id, p.page
        """,  # noqa: S608 - a constant of this module
    ),
    part(
        "fleet_documents",
        "vos documents de chauffeur (permis, pièces), remplacés compris",
        "your documents as a driver (licence, identity), replaced ones included",
        """
        SELECT d.id, d.kind, d.number, d.issued_on, d.expires_on, array_to_string(d.licence_classes, ' ') AS licence_classes,
               d.created_at, d.ended_at, u.name AS handed_in_by, f.name AS file_name, f.media_type, f.sha256
        FROM fleet_documents d JOIN files f ON f.id = d.file_id LEFT JOIN users u ON u.id = d.uploaded_by
        WHERE d.driver_id = :subject ORDER BY d.created_at, d.id
        """,
    ),
    part(
        "invitations",
        "les invitations reçues à votre numéro",
        "invitations to your number",
        """
        SELECT i.id, o.name AS invited_by, i.joins_as, i.state, i.created_at, i.answered_at FROM invitations i
        JOIN users u ON u.phone = i.phone JOIN users o ON o.id = i.owner_id
        WHERE u.id = :subject ORDER BY i.created_at, i.id
        """,
    ),
    part(
        "sessions",
        "vos connexions",
        "your sign-ins",
        """
        SELECT device_name, user_agent, ip, created_at, last_seen_at, expires_at, revoked_at, revoked_why
        FROM sign_in_sessions WHERE user_id = :subject ORDER BY created_at, id
        """,
    ),
    part(
        "text_messages",
        "les SMS que nous vous avons envoyés",
        "the text messages that we sent you",
        """
        SELECT m.created_at, m.purpose, m.state, m.ended_at FROM sms_messages m JOIN users u ON u.phone = m.phone
        WHERE u.id = :subject ORDER BY m.id
        """,
    ),
    part(
        "access_log",
        "qui a consulté vos positions ou vos données",
        "who looked at your positions or your data",
        """
        SELECT a.at, a.last_at, a.times, a.action, a.actor_role, u.name AS actor, a.order_id
        FROM access_log a LEFT JOIN users u ON u.id = a.actor_id WHERE a.subject_id = :subject ORDER BY a.id
        """,
    ),
    part(
        "requests",
        "vos demandes de copie et d'effacement",
        "your requests for copies and erasures",
        """
        SELECT 'export' AS what, created_at, state, finished_at FROM data_exports WHERE subject_id = :subject
        UNION ALL SELECT 'erasure', created_at, state, finished_at FROM erasures WHERE subject_id = :subject
        ORDER BY 2
        """,
    ),
)


# What everybody has.
_OF_EVERYBODY = frozenset(
    {
        "order_actions", "profile", "papers", "invitations", "sessions", "text_messages", "access_log", "requests"
    }
)  # fmt: skip
COMMON: Final[tuple[Part, ...]] = tuple(one for one in TABLES if one.name in _OF_EVERYBODY)


def read_me(tables: Sequence[Part]) -> str:
    """What each file is."""
    parts = [*((f"{one.name}.json", one) for one in OBJECTS.values())]
    parts += [(f"{one.name}.csv", one) for one in tables]
    french = "\n".join(f"- {name} : {one.what[0]}" for name, one in parts)
    english = "\n".join(f"- {name}: {one.what[1]}" for name, one in parts)
    return (
        "Copie de vos données personnelles (loi 2008-12 du Sénégal). Heures en UTC, coordonnées WGS 84.\n"
        "Dans un fichier CSV, un texte qui commence par = + - @ est précédé d'une apostrophe.\n"
        f"{french}\n\n"
        "A copy of your personal data (Senegal's law 2008-12). Times are UTC, coordinates WGS 84.\n"
        "In a CSV file a text that begins with = + - @ has an apostrophe before it.\n"
        f"{english}\n"
    )
