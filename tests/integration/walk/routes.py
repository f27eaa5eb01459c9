"""What the app answers at, by enumeration."""

from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts

from platform_api.app import create_app

# Not endpoints of ours: pages about them, with nothing of anybody's.
PAGES = {"/api/openapi.json", "/api/docs/", "/api/redoc/", "/api/docs-assets"}


def every_route() -> list[str]:
    """`METHOD path` of all HTTP endpoints, `WS path` of WebSockets, `MOUNT path` of other applications."""
    found = []
    for context in iter_route_contexts(create_app().routes):
        route = context.original_route
        if isinstance(route, APIRoute):
            found += [f"{method} {context.path_format}" for method in context.methods or ()]
        elif isinstance(route, APIWebSocketRoute):
            found.append(f"WS {context.path_format or route.path_format}")
        elif (path := getattr(route, "path", "")) not in PAGES:
            found.append(f"MOUNT {path}")
    return found


def every_list() -> set[str]:
    """Endpoints that answer a `Page`."""
    found = set()
    for context in iter_route_contexts(create_app().routes):
        model = context.response_model if isinstance(context.original_route, APIRoute) else None
        if getattr(model, "__name__", "").startswith("Page["):
            found.add(f"GET {context.path_format}")
    return found
