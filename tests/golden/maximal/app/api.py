"""The routes of the service, one line per resource."""

from copy import copy

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute, request_response

from app import health
from app.products import endpoints as products
from app.rates import endpoints as rates
from app.reviews import endpoints as reviews

ROUTERS: tuple[APIRouter, ...] = (
    products.router,
    reviews.router,
    rates.router,
)


def install(app: FastAPI) -> None:
    """Include the resources, before the routes that machines ask and those of the documentation.

    A request is compared with one route after the other.
    """
    documentation = app.router.routes[:]
    for router in (*ROUTERS, health.router):
        include(app, router)
    app.router.routes[:] = [*app.router.routes[len(documentation) :], *documentation]


def include(app: FastAPI, router: APIRouter) -> None:
    """Include a router, with its routes in the application's own list where that can be.

    FastAPI looks for the route of a request twice in an included router, to see whether there is
    one and again to answer; in the application's own list it looks once.
    """
    app.include_router(router)
    plain = [
        one for one in router.routes if isinstance(one, APIRoute) and one.max_body_size is None
    ]
    if len(plain) == len(router.routes):
        app.router.routes[-1:] = [_owned(route, app) for route in plain]


def _owned(route: APIRoute, app: FastAPI) -> APIRoute:
    """A copy of the route that asks `app` for `dependency_overrides`."""
    owned = copy(route)
    owned.dependency_overrides_provider = app
    owned.app = request_response(owned.get_route_handler())
    return owned
