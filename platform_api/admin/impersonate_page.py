"""The page at /admin/impersonate: act as a user, with a reason; the token is shown once."""

from uuid import UUID

from pydantic import ValidationError
from sqladmin import BaseView, expose
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from config import clock
from config.database import transaction
from platform_api.accounts import service as accounts
from platform_api.admin import impersonation
from platform_api.admin.auditing import audit
from platform_api.admin.rules import MAX_IMPERSONATION_MINUTES
from platform_api.admin.schemas import ImpersonationIn
from platform_api.errors import PlatformError


class ImpersonatePage(BaseView):
    name = "Act as a user"
    identity = "impersonate"
    category = "People"
    icon = "fa-solid fa-user-secret"

    @expose("/impersonate", methods=["GET", "POST"], identity="impersonate")
    async def page(self, request: Request) -> Response:
        begun = problem = None
        form = await request.form() if request.method == "POST" else None
        if form is not None:
            try:
                wish = ImpersonationIn.model_validate(
                    {name: form.get(name) for name in ("user_id", "reason", "minutes")}
                    | {"may_change": "may_change" in form}
                )
                begun = await run_in_threadpool(_begin, request.state.administrator_id, wish)
            except ValidationError as error:
                problem = "; ".join(f"{item['loc'][0]}: {item['msg']}" for item in error.errors())
            except PlatformError as error:
                problem = error.detail
        context = {
            "begun": begun,
            "problem": problem,
            "form": form or {"user_id": request.query_params.get("user_id", "")},
            "longest": MAX_IMPERSONATION_MINUTES,
        }
        response: Response = await self.templates.TemplateResponse(
            request, "impersonate.html", context, status_code=400 if problem else 200
        )
        return response


def _begin(administrator_id: UUID, wish: ImpersonationIn) -> impersonation.Begun:
    with transaction() as session:
        audit(session, actor_id=administrator_id, channel="admin")
        return impersonation.begin(
            session,
            accounts.actor_of_user(session, administrator_id),
            user_id=wish.user_id,
            reason=wish.reason,
            minutes=wish.minutes,
            may_change=wish.may_change,
            now=clock.now(),
        )
