"""/api/v1/driver/: what a driver has to do, and what his phone gathered while it was offline."""

from fastapi import APIRouter, Request

from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.error_bodies import error_body
from platform_api.execution import driver_tasks, service, sync
from platform_api.execution.schemas import ActionResult, StepOut, SyncIn, SyncOut, TaskOut, TasksOut
from platform_api.orders.rules import OrderStatus
from platform_api.schemas import errors

router = APIRouter(prefix="/api/v1/driver", tags=["execution"], responses=errors("role_not_allowed"))


@router.get("/tasks/")
def tasks(session: SessionDep, actor: CurrentActor, now: NowDep) -> TasksOut:
    """Your orders with their steps in order: done, the current one, and what comes next."""
    return TasksOut(orders=[_task(task) for task in driver_tasks.tasks_of(session, actor, now)])


def _task(task: driver_tasks.Task) -> TaskOut:
    order = task.order
    assert order.vehicle_id is not None
    return TaskOut(
        order_id=order.id,
        reference=order.reference,
        status=OrderStatus(order.status),
        goods=order.goods,
        packages=order.packages,
        weight_kg=order.weight_kg,
        vehicle_id=order.vehicle_id,
        steps=[StepOut.model_validate(step) for step in task.steps],
    )


@router.post("/sync/")
def synchronise(
    body: SyncIn, request: Request, session: SessionDep, actor: CurrentActor, now: NowDep
) -> SyncOut:
    """Send it again as often as you like: an action is known by its id, and answered with its state of now."""
    results = sync.synchronise(session, actor, body.actions, now)
    return SyncOut(results=[_shown(result, request) for result in results])


def _shown(result: sync.Result, request: Request) -> ActionResult:
    row = result.row
    error = result.error
    if row is not None and row.refusal is not None:
        error = service.refusal_error(row.refusal)
    told = error_body(request, error.code, error.detail, error.values).content if error else {}
    return ActionResult.model_validate(
        {
            "id": result.id,
            "state": "refused" if row is None else row.verdict,
            "repeated": result.repeated,
            "code": told.get("code"),
            "detail": told.get("detail"),
            "flags": [] if row is None else row.flags,
        }
    )
