"""Puts the API together: `uvicorn --factory platform_api.app:create_app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
from fastapi import FastAPI

from config.logging import configure_logging
from config.settings import get_settings
from platform_api import docs_pages, error_handlers, health, openapi
from platform_api.accounting import endpoints as accounting
from platform_api.accounts import endpoints as accounts
from platform_api.accounts import own_endpoints as own_account
from platform_api.admin import endpoints as administration
from platform_api.admin import site as admin_pages
from platform_api.alert_rules import endpoints as alert_rules
from platform_api.alerts import endpoints as alerts
from platform_api.alerts import sockets as alert_sockets
from platform_api.api_keys import endpoints as api_keys
from platform_api.availability import endpoints as availability
from platform_api.bids import endpoints as bids
from platform_api.brokerage import endpoints as brokerage
from platform_api.commands import endpoints as commands
from platform_api.detention import endpoints as detention
from platform_api.disputes import endpoints as disputes
from platform_api.driver_records import endpoints as driver_records
from platform_api.duty import endpoints as duty
from platform_api.eta import endpoints as eta
from platform_api.execution import driver_endpoints as driver
from platform_api.execution import endpoints as execution
from platform_api.exports import endpoints as exports
from platform_api.files import endpoints as files
from platform_api.files.rules import MAX_FILE_BYTES
from platform_api.fleet import endpoints as fleet
from platform_api.fleet import vehicle_endpoints
from platform_api.fleet_documents import endpoints as fleet_documents
from platform_api.geofences import endpoints as geofences
from platform_api.geofences import group_endpoints as geofence_groups
from platform_api.incidents import endpoints as incidents
from platform_api.kyc import endpoints as kyc
from platform_api.limits import endpoints as limits
from platform_api.middleware import BodyLimit, RequestContext
from platform_api.offers import endpoints as offers
from platform_api.orders import endpoints as orders
from platform_api.orders import paper_endpoints as order_papers
from platform_api.organisations import endpoints as organisations
from platform_api.ownership import endpoints as ownership
from platform_api.pairing import endpoints as pairing
from platform_api.presence import endpoints as presence
from platform_api.privacy import endpoints as privacy
from platform_api.profiles import endpoints as profiles
from platform_api.ratings import endpoints as ratings
from platform_api.repeats import endpoints as repeats
from platform_api.retention import endpoints as retention
from platform_api.routing import endpoints as routing
from platform_api.suggestions import endpoints as suggestions
from platform_api.telemetry import endpoints as telemetry
from platform_api.tracking import endpoints as tracking
from platform_api.tracking import sockets
from platform_api.tracking_links import endpoints as tracking_links
from platform_api.vehicle_types import endpoints as vehicle_types
from platform_api.watch import endpoints as watch
from platform_api.waybills import endpoints as waybills
from platform_api.waybills import verifying
from platform_api.webhooks import endpoints as webhooks

OPENAPI_PATH = "/api/openapi.json"
MAX_BODY_BYTES = 1024 * 1024
# Connections that requests leave to WebSockets and the health check, which take one only while they hold a thread.
RESERVED_CONNECTIONS = 2


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    pool_size = get_settings().database_pool_size
    # More threads than connections would only wait for each other.
    anyio.to_thread.current_default_thread_limiter().total_tokens = pool_size
    app.state.session_slots = anyio.CapacityLimiter(max(1, pool_size - RESERVED_CONNECTIONS))
    yield


def create_app() -> FastAPI:
    configure_logging(get_settings())
    app = FastAPI(
        title="MESS Platform",
        version="1",
        description="Freight brokerage and truck dispatching for Senegal.",
        docs_url=None,
        redoc_url=None,
        openapi_url=OPENAPI_PATH,
        # A redirect to the slashed path would lose the body of a POST in some clients.
        redirect_slashes=False,
        lifespan=_lifespan,
        generate_unique_id_function=openapi.operation_id,
    )
    openapi.install(app)
    docs_pages.install(app, openapi_path=OPENAPI_PATH)
    error_handlers.install(app)
    # The last one added is the outermost.
    app.add_middleware(BodyLimit, max_bytes=MAX_BODY_BYTES, larger={files.PATH: MAX_FILE_BYTES})
    app.add_middleware(RequestContext)
    _include_routers(app)
    return app


# Where two paths fit one request, the first wins.
ROUTERS = (
    health.router,
    accounts.router,
    profiles.me_router,
    profiles.router,
    kyc.router,
    own_account.router,
    organisations.router,
    organisations.received_router,
    ownership.router,
    files.router,
    vehicle_types.router,
    vehicle_endpoints.router,
    fleet_documents.router,
    limits.router,
    availability.router,
    fleet.router,
    pairing.router,
    driver_records.router,
    presence.router,
    commands.router,
    geofences.router,
    geofence_groups.router,
    alert_rules.router,
    orders.router,
    order_papers.router,
    repeats.router,
    bids.router,
    offers.router,
    brokerage.router,
    suggestions.router,
    execution.router,
    driver.router,
    waybills.router,
    verifying.router,
    routing.router,
    watch.router,
    detention.router,
    eta.router,
    telemetry.router,
    retention.router,
    duty.router,
    privacy.router,
    tracking.router,
    tracking_links.router,
    accounting.router,
    alerts.router,
    disputes.router,
    ratings.router,
    incidents.router,
    api_keys.router,
    webhooks.router,
    exports.router,
    administration.router,
    sockets.router,
    alert_sockets.router,
)


def _include_routers(app: FastAPI) -> None:
    for router in ROUTERS:
        app.include_router(router)
    admin_pages.install(app)
