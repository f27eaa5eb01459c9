"""News of the inbox as text messages, to the people of a party whom a rule names."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from config.settings import get_settings
from platform_api.accounts.models import User
from platform_api.actor import MemberRole
from platform_api.alert_rules.models import AlertRule
from platform_api.alert_rules.rules import Trigger, is_worth_a_text
from platform_api.alerts.models import Alert
from platform_api.alerts.texts import render
from platform_api.languages import Language
from platform_api.organisations.models import OrganisationMember
from platform_api.profiles.models import Profile
from platform_api.sms import service as sms
from platform_api.sms.models import SmsMessage

PURPOSE = "alert"


def text(session: Session, alert: Alert, to: Collection[UUID], now: datetime) -> int:
    """Queue a text to each of `to` and of those whom the party's rules about this kind name; how many.

    None for what happened long ago, and none beyond MESS_ALERT_TEXTS_A_DAY to one phone: a truck that goes
    in and out of a fence all day must not cost a fortune.
    """
    if not is_worth_a_text(alert.at, now):
        return 0
    user_ids = set(to) | _named_by_rules(session, alert)
    if not user_ids:
        return 0
    count = 0
    for phone, language in _phones(session, alert.party_id, user_ids):
        if _texted_today(session, phone, now) < get_settings().alert_texts_a_day:
            words = render(alert.kind, alert.facts, Language(language or Language.FRENCH))
            sms.queue(session, to=phone, text=f"{words.title}. {words.detail}", purpose=PURPOSE, now=now)
            count += 1
    return count


def _named_by_rules(session: Session, alert: Alert) -> set[UUID]:
    rules = session.scalars(
        select(AlertRule).where(
            AlertRule.party_id == alert.party_id,
            AlertRule.trigger == Trigger.ALERT,
            AlertRule.enabled,
            AlertRule.deleted_at.is_(None),
            AlertRule.kinds.contains([alert.kind]),
            or_(AlertRule.vehicle_id.is_(None), AlertRule.vehicle_id == alert.vehicle_id),
        )
    )
    return {UUID(user_id) for rule in rules for user_id in rule.sms_to}


def _phones(session: Session, party_id: UUID, user_ids: set[UUID]) -> list[tuple[str, str | None]]:
    """Of those who are of the party now: somebody who left is not told any more."""
    member = OrganisationMember
    rows = session.execute(
        select(User.phone, Profile.language)
        .outerjoin(member, member.user_id == User.id)
        .outerjoin(Profile, Profile.user_id == User.id)
        .where(
            User.id.in_(user_ids),
            User.disabled.is_(False),
            or_(
                and_(User.id == party_id, member.user_id.is_(None)),
                and_(member.owner_id == party_id, member.role != MemberRole.FORMER.value),
            ),
        )
        .order_by(User.phone)
    )
    return [(row.phone, row.language) for row in rows]


def _texted_today(session: Session, phone: str, now: datetime) -> int:
    statement = select(func.count()).where(
        SmsMessage.phone == phone,
        SmsMessage.purpose == PURPOSE,
        SmsMessage.created_at > now - timedelta(days=1),
    )
    return session.scalar(statement) or 0
