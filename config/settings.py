"""Every setting of the platform in one typed place; a bad one stops the start."""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEVELOPMENT_SECRET = "development-only-secret-never-used-in-production"  # noqa: S105 - refused outside development


class Settings(BaseSettings):
    """Read from `MESS_*` environment variables and `.env`; the environment wins."""

    model_config = SettingsConfigDict(env_prefix="MESS_", env_file=".env", extra="ignore", frozen=True)

    environment: Literal["development", "test", "production"] = "development"
    log_format: Literal["console", "json"] = "console"
    log_level: str = "INFO"

    # Parts, by URL: the same code runs against embedded, Debian's and container parts.
    database_url: str = "postgresql://postgres@127.0.0.1:15432/mess"
    redis_url: str = "redis://127.0.0.1:16379/0"
    mqtt_host: str = "127.0.0.1"
    mqtt_port: int = Field(default=11883, ge=1, le=65535)
    # The embedded broker speaks MQTT 3.1.1 only; `mess up` sets this when it starts that one.
    mqtt_protocol: Literal["5", "3.1.1"] = "5"
    mqtt_shared_subscription: bool = True
    # EMQX tells who connects and goes, on $SYS topics that other brokers do not have.
    mqtt_presence_events: bool = False
    # EMQX's management API, to end the connection of a revoked device; "" = there is no EMQX
    emqx_api: str = ""
    emqx_api_key: str = "mess"
    emqx_api_secret: SecretStr = SecretStr("")
    mqtt_service_password: SecretStr = SecretStr(DEVELOPMENT_SECRET)

    api_host: str = "127.0.0.1"
    api_port: int = Field(default=18000, ge=1, le=65535)
    # Processes of the API behind one port; each has a pool of database connections of its own.
    api_workers: int = Field(default=1, ge=1, le=32)
    # Where people reach the platform, without a slash at the end: printed on waybills.
    public_url: str = Field(default="http://127.0.0.1:18000", pattern=r"^https?://[^/\s]+(/[^\s]*[^/\s])?$")
    # Threads of the API must not exceed the pool, or requests deadlock waiting for it.
    database_pool_size: int = Field(default=20, ge=1, le=200)

    jwt_secret: SecretStr = SecretStr(DEVELOPMENT_SECRET)
    access_token_minutes: int = Field(default=15, ge=1, le=24 * 60)
    refresh_token_days: int = Field(default=30, ge=1, le=365)
    mqtt_token_hours: int = Field(default=12, ge=1, le=24 * 7)

    # Ingest: one batch is one transaction and one round of acks.
    ingest_worker: str = "svc-ingest-1"
    ingest_batch_pings: int = Field(default=5000, ge=1, le=50_000)
    ingest_batch_wait_ms: int = Field(default=20, ge=1, le=5000)
    # A message of whose pings even the newest was older than this at its arrival waits behind live ones.
    backlog_age_s: int = Field(default=600, ge=0, description="0 = only backlog topics are backlog")
    ingest_receive_maximum: int = Field(default=20_000, ge=1, le=65_535)
    ingest_session_expiry_s: int = Field(default=3600, ge=0)
    # What a worker does with its broker session when told to stop: end it, so that its share of the
    # devices moves to the others at once; or keep it, so that the broker queues for its return.
    ingest_leave: Literal["end", "keep"] = "end"
    ingest_checkpoint_s: float = Field(default=5.0, ge=0)
    ingest_snapshot_minutes: int = Field(default=15, ge=1)
    ingest_reconcile_s: float = Field(default=1.0, gt=0)
    ingest_metrics_port: int = Field(default=0, ge=0, le=65535, description="0 = no endpoint")
    ingest_metrics_host: str = "127.0.0.1"
    max_payload_bytes: int = Field(default=256 * 1024, ge=1024)
    max_pings_per_message: int = Field(default=500, ge=1)
    # Dead letters: messages of which something was refused. Whole ones can be played again.
    dead_letter_keep_bytes: int = Field(default=256 * 1024, ge=0, le=16 * 1024 * 1024)
    dead_letter_total_bytes: int = Field(default=1024**3, ge=1024**2, description="beyond, the oldest go")
    rejected_payload_keep_bytes: int = Field(default=4096, ge=0, description="of larger ones")
    rejected_retention_days: int = Field(default=30, ge=1)
    # The accounts of each device and day
    account_compact_s: float = Field(default=10.0, gt=0)
    account_gap_s: int = Field(default=600, ge=60, description="a longer silence of a device is a gap")
    account_gaps_every_s: int = Field(default=300, ge=0)
    lateness_days: int = Field(default=35, ge=1, description="snapshots older than this are dropped")
    ping_retention_days: int = Field(
        default=0, ge=0, le=3650, description="where no policy says otherwise; 0 = all"
    )
    # Retention deletes a piece at a time, with a pause after each, so that live batches never wait for it.
    retention_piece_rows: int = Field(default=2000, ge=100, le=50_000)
    retention_pause_ms: int = Field(default=50, ge=0, le=10_000)
    # A tracker clock may run ahead a little; more than this is a broken clock.
    max_future_s: int = Field(default=300, ge=0)
    max_past_days: int = Field(default=0, ge=0, description="older pings are refused; 0 = however old")
    earliest_year: int = Field(default=2015, ge=1980, description="GPS week rollover lands before")
    max_speed_kmh: float = Field(default=250.0, gt=0, description="faster than this is a jump")
    max_accuracy_m: float = Field(default=500.0, gt=0, description="worse fixes do not move the state")
    phone_takeover_s: int = Field(default=300, ge=1, description="tracker silence before the phone counts")

    # Presence, in arrival time.
    presence_grace_s: int = Field(default=120, ge=1, description="from a goodbye to being told offline")
    presence_silence_s: int = Field(
        default=1800, ge=2, description="silence of a device that never says goodbye"
    )
    presence_seen_every_s: int = Field(default=60, ge=0, description="between two writes of a sign of life")
    presence_retention_days: int = Field(default=90, ge=1, description="changes of presence, and answers")

    # Photos and documents, under their sha256: one folder for API and task worker.
    files_dir: str = ".mess/files"

    # Alerts
    alert_texts_a_day: int = Field(default=20, ge=0, le=1000, description="SMS of alerts to one phone")

    # Webhooks
    webhook_private_addresses: bool = Field(
        default=False, description="also http and our own network; for tests"
    )
    webhook_keep_days: int = Field(default=30, ge=1, le=365)

    # A clock that runs faster than the wall's, for demonstrations: at the wall time `anchor` (epoch
    # seconds) it shows `start` (epoch seconds) and goes on at `speed`. Refused in production.
    simulation_anchor: float | None = None
    simulation_start: float | None = None
    simulation_speed: float = Field(default=1.0, gt=0, le=100_000)

    # Privacy: what the law on personal data asks, see docs/privacy.md.
    phone_privacy: Literal["duty", "always"] = "duty"
    duty_tolerance_s: int = Field(default=120, ge=0, le=3600, description="at both ends of a window")
    duty_max_hours: int = Field(default=16, ge=1, le=24, description="a duty period ends by itself")
    export_dir: str = ".mess/exports"
    export_keep_days: int = Field(default=7, ge=1, le=90)
    erasure_wait_days: int = Field(default=7, ge=0, le=90, description="time to think better of it")
    contact_keep_days: int = Field(
        default=365, ge=1, le=3650, description="names and phones at the places of an order, after its end"
    )
    access_log_days: int = Field(default=1095, ge=30, le=3650)

    kyc_required: bool = Field(
        default=False, description="unverified carriers do not bid, unverified shippers do not post"
    )

    live_shards: int = Field(default=16, ge=1, le=256)

    # Text messages: see docs/accounts.md.
    sms_provider: Literal["console", "orange"] = "console"
    # The console writes codes into the log: whoever reads that can sign in as anybody.
    sms_console_in_production: bool = False
    orange_api_url: str = "https://api.orange.com"
    orange_client_id: str = ""
    orange_client_secret: SecretStr = SecretStr("")
    orange_sms_sender: str = "tel:+2210000"
    orange_sms_sender_name: str = Field(default="", max_length=11, description="once Orange has approved one")

    # Orders
    real_stay_s: int = Field(default=300, ge=0, description="shortest stay at pickup that is a loading")
    auto_complete_hours: int = Field(default=72, ge=1)
    # What cancelling an awarded order costs: a share of the agreed price, and not less than.
    cancel_assigned_pct: int = Field(default=10, ge=0, le=100)
    cancel_assigned_min_xof: int = Field(default=10_000, ge=0)
    cancel_arrived_pct: int = Field(default=25, ge=0, le=100, description="once the truck is at the pickup")
    cancel_arrived_min_xof: int = Field(default=25_000, ge=0)
    bid_valid_hours: int = Field(default=48, ge=1)
    offer_answer_minutes: int = Field(default=30, ge=5, le=4320, description="to answer a direct offer")
    driver_fresh_minutes: int = Field(default=30, ge=1, description="older positions are not 'available'")

    # Planned routes, corridors and estimated arrivals, see docs/corridor.md
    routing_engine: Literal["none", "osrm", "valhalla"] = "none"
    routing_url: str = "http://127.0.0.1:5000"
    routing_timeout_s: float = Field(default=10.0, gt=0, le=60)
    routing_assumed_kmh: float = Field(default=50.0, gt=0, le=150, description="where no engine says more")
    routing_detour: float = Field(default=1.3, ge=1, le=5, description="road over great circle")
    routing_retry_s: int = Field(default=600, ge=10, description="from a degraded plan to the next question")
    corridor_width_m: float = Field(default=2000.0, ge=100, le=100_000, description="both sides together")
    deviation_minutes: float = Field(default=10.0, ge=0, le=1440, description="outside for so long: an alert")
    deviation_distance_m: float = Field(default=3000.0, ge=0, description="or so far from its border")
    unplanned_stop_minutes: float = Field(default=45.0, ge=1, le=1440)
    eta_every_s: int = Field(default=60, ge=5, description="between two estimates of one order")
    stop_service_minutes: float = Field(default=60.0, ge=0, le=1440, description="assumed stay at a stop")
    eta_pause_minutes: float = Field(default=45.0, ge=0, le=1440, description="of a driver; 0 = none")
    eta_pause_after_minutes: float = Field(default=270.0, ge=30, le=1440, description="of driving")
    eta_night_from: time | None = Field(
        default=None, description="UTC, as Dakar; with the next: nobody drives"
    )
    eta_night_until: time | None = None
    late_alert_minutes: float = Field(default=30.0, ge=0, description="after the window's end")
    late_clear_minutes: float = Field(default=10.0, ge=0, description="below it the alert is over")

    # Waiting at pickup and delivery, see docs/detention.md
    detention_free_minutes: int = Field(default=120, ge=0, le=10_080)
    detention_rate_xof: int = Field(default=5000, ge=0, le=10_000_000, description="each started hour")
    detention_cap_hours: int = Field(default=5, ge=0, le=240, description="paid at most, at one place")
    detention_claim_hours: int = Field(default=24, ge=1, le=720, description="to claim, from the departure")

    # Fleet
    fleet_documents_required: bool = Field(
        default=False, description="a required document that was never handed in blocks loads, too"
    )

    # Commands to devices
    command_expiry_s: int = Field(default=86_400, ge=60, description="where its sender says nothing")
    command_answer_s: int = Field(default=60, ge=1, description="silence after which it is sent again")
    command_attempts: int = Field(default=5, ge=1, le=100)
    engine_stop_fresh_s: int = Field(default=120, ge=1, description="older positions prove no standing")
    engine_stop_expiry_s: int = Field(default=3600, ge=60)
    engine_stop_approval_s: int = Field(default=900, ge=10, description="how long an approval holds")
    adaptive_reporting: bool = Field(default=False, description="where fleet and device say nothing else")

    @model_validator(mode="after")
    def _refuse_what_production_must_not_have(self) -> Self:
        if self.environment == "production":
            if self.simulation_anchor is not None or self.simulation_start is not None:
                raise ValueError("MESS_SIMULATION_* must not be set when MESS_ENVIRONMENT=production")
            if self.webhook_private_addresses:
                raise ValueError("MESS_WEBHOOK_PRIVATE_ADDRESSES would open our own network to webhooks")
            for name in ("jwt_secret", "mqtt_service_password"):
                value = getattr(self, name).get_secret_value()
                if value == DEVELOPMENT_SECRET or len(value) < 32:
                    raise ValueError(
                        f"MESS_{name.upper()} must be a secret of your own with 32 characters "
                        "or more when MESS_ENVIRONMENT=production"
                    )
        return self

    @model_validator(mode="after")
    def _text_by_somebody(self) -> Self:
        if self.sms_provider == "orange":
            if not self.orange_client_id or not self.orange_client_secret.get_secret_value():
                raise ValueError(
                    "MESS_SMS_PROVIDER=orange needs MESS_ORANGE_CLIENT_ID and MESS_ORANGE_CLIENT_SECRET"
                )
        elif self.environment == "production" and not self.sms_console_in_production:
            raise ValueError(
                "MESS_SMS_PROVIDER=console writes codes into the log and sends nothing; with"
                " MESS_ENVIRONMENT=production set MESS_SMS_PROVIDER=orange, or"
                " MESS_SMS_CONSOLE_IN_PRODUCTION=true where nobody else reads the log"
            )
        return self

    @model_validator(mode="after")
    def _keep_pings_for_refolds(self) -> Self:
        if 0 < self.ping_retention_days < self.lateness_days:
            raise ValueError(
                "MESS_PING_RETENTION_DAYS must be 0 (keep all) or at least MESS_LATENESS_DAYS"
                f" ({self.lateness_days}): late pings are judged together with the stored ones"
            )
        return self

    @model_validator(mode="after")
    def _leave_hours_to_drive_in(self) -> Self:
        begins, ends = self.eta_night_from, self.eta_night_until
        if begins is None and ends is None:
            return self
        if begins is None or ends is None or begins.tzinfo or ends.tzinfo:
            raise ValueError(
                "MESS_ETA_NIGHT_FROM and MESS_ETA_NIGHT_UNTIL are given both, without a time zone"
            )
        length = datetime.combine(date.min, ends) - datetime.combine(date.min, begins)
        if not timedelta(0) < length % timedelta(days=1) <= timedelta(hours=20):
            raise ValueError("From MESS_ETA_NIGHT_FROM to MESS_ETA_NIGHT_UNTIL there are at most 20 hours")
        return self

    @model_validator(mode="after")
    def _write_signs_of_life_in_time(self) -> Self:
        if self.presence_seen_every_s >= min(self.presence_grace_s, self.presence_silence_s):
            raise ValueError(
                "MESS_PRESENCE_SEEN_EVERY_S must be less than MESS_PRESENCE_GRACE_S and MESS_PRESENCE_SILENCE_S:"
                " a device that is heard would be told offline"
            )
        return self

    @property
    def sqlalchemy_url(self) -> str:
        """The database URL with SQLAlchemy's psycopg 3 dialect."""
        return self.database_url.replace("postgresql://", "postgresql+psycopg://", 1)


@lru_cache
def get_settings() -> Settings:
    return Settings()
