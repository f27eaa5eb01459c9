"""/api/v1/geofences/."""

import json
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query, Response

from geofence.errors import CODES as FENCE_CODES
from platform_api.actor import Actor, Role
from platform_api.deps import NowDep, SessionDep, require_role
from platform_api.fields import Id
from platform_api.geofences import changing, importing, repository, service
from platform_api.geofences.schemas import GeofenceChange, GeofenceIn, GeofenceOut, ImportedOut, ImportOut
from platform_api.idempotency.once import OnceDep
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors
from platform_api.versions import IfMatch, set_etag

router = APIRouter(prefix="/api/v1/geofences", tags=["geofences"])

Drawer = Annotated[Actor, Depends(require_role(Role.SHIPPER, Role.CARRIER, Role.ADMINISTRATOR))]


FileContent = Annotated[
    bytes, Body(media_type="application/octet-stream", description="The GeoJSON, KML or KMZ file")
]


@router.post(
    "/",
    status_code=201,
    responses=errors(
        "vehicle_not_yours", "vehicle_not_found", "invalid_period", "geofence_group_not_found", *FENCE_CODES
    ),
)
def draw_geofence(
    body: GeofenceIn, session: SessionDep, actor: Drawer, now: NowDep, once: OnceDep
) -> GeofenceOut:
    """An area to watch. `hint` says so when the coordinates look swapped."""

    def make() -> GeofenceOut:
        geofence = service.draw_geofence(
            session,
            actor,
            name=body.name,
            shape=body.shape,
            settings=body.settings,
            vehicle_id=body.vehicle_id,
            valid_from=body.valid_from,
            valid_until=body.valid_until,
            now=now,
            group_id=body.group_id,
        )
        return GeofenceOut.with_hint(geofence)

    return once.run(GeofenceOut, make)


@router.get("/")
def list_geofences(session: SessionDep, actor: Drawer, page: PageDep) -> Page[GeofenceOut]:
    """Newest first, without the retired ones."""
    rows, next_cursor = repository.page_geofences(session, actor, page)
    return page_of(rows, next_cursor, GeofenceOut.of)


@router.post(
    "/import/",
    status_code=201,
    responses=errors(
        "invalid_geojson",
        "invalid_kml",
        "invalid_kmz",
        "kmz_too_large",
        "nothing_to_import",
        "too_many_features",
        "import_has_errors",
        "geofence_group_not_found",
        "vehicle_not_yours",
        "vehicle_not_found",
    ),
)
def import_geofences(
    body: FileContent,
    session: SessionDep,
    actor: Drawer,
    now: NowDep,
    once: OnceDep,
    dry_run: Annotated[bool, Query(description="only say what is in the file")] = False,
    group_id: Annotated[Id | None, Query()] = None,
    vehicle_id: Annotated[Id | None, Query()] = None,
    radius_m: Annotated[float | None, Query(gt=0, description="of points that the file gives none")] = None,
    width_m: Annotated[float | None, Query(gt=0, description="of lines that the file gives none")] = None,
) -> ImportOut:
    """GeoJSON, KML or KMZ as the request's body, at most 1 MiB and 1,000 shapes: all of them become geofences, or none.

    Try it with `dry_run=true` first: the answer says of each shape whether it can be one.
    """
    found = importing.read(body, importing.Defaults(radius_m, width_m))

    def make() -> ImportOut:
        if dry_run:
            return ImportOut(made=0, shapes=[_imported(each, None) for each in found])
        made = importing.import_all(session, actor, found, group_id=group_id, vehicle_id=vehicle_id, now=now)
        shapes = [_imported(each, fence.id) for each, fence in zip(found, made, strict=True)]
        return ImportOut(made=len(made), shapes=shapes)

    return once.run(ImportOut, make)


def _imported(each: importing.Found, geofence_id: int | None) -> ImportedOut:
    return ImportedOut(
        number=each.number,
        name=each.name,
        id=geofence_id,
        code=each.code,
        detail=each.detail,
        hint=each.hint,
    )


@router.get(
    "/export/",
    response_class=Response,
    responses={200: {"content": {"application/geo+json": {}}, "description": "The file"}},
)
def export_geofences(session: SessionDep, actor: Drawer) -> Response:
    """All of yours as one GeoJSON FeatureCollection, which `import/` reads again."""
    features = [
        {**fence.shape, "properties": {**fence.shape.get("properties", {}), "name": fence.name}}
        for fence in repository.all_geofences(session, actor)
    ]
    text = json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)
    return Response(text, media_type="application/geo+json")


@router.get("/{geofence_id}/", responses=errors("geofence_not_found"))
def get_geofence(geofence_id: Id, session: SessionDep, actor: Drawer, response: Response) -> GeofenceOut:
    """One of yours."""
    fence = service.get_geofence(session, actor, geofence_id)
    set_etag(response, fence.version)
    return GeofenceOut.of(fence)


@router.patch(
    "/{geofence_id}/",
    responses=errors(
        "geofence_not_found", "geofence_retired", "geofence_in_use", "geofence_group_not_found", *FENCE_CODES
    ),
)
def change_geofence(
    geofence_id: Id,
    body: GeofenceChange,
    session: SessionDep,
    actor: Drawer,
    now: NowDep,
    expected: IfMatch,
    response: Response,
) -> GeofenceOut:
    """Change name, group or shape. A new shape judges from now on, under a new id (`replaces_id` names the old one);
    the visits of the old one stay, and rules about it go on with the new one."""
    fence = changing.change_geofence(
        session,
        actor,
        geofence_id,
        name=body.name,
        change_group="group_id" in body.model_fields_set,
        group_id=body.group_id,
        shape=body.shape,
        expected=expected,
        now=now,
    )
    set_etag(response, fence.version)
    return GeofenceOut.with_hint(fence)


@router.delete(
    "/{geofence_id}/",
    status_code=204,
    response_class=Response,
    responses=errors("geofence_not_found", "geofence_in_use"),
)
def retire_geofence(geofence_id: Id, session: SessionDep, actor: Drawer, now: NowDep) -> None:
    """It judges nothing any more; visits already recorded stay."""
    service.retire_geofence(session, actor, geofence_id, now=now)
