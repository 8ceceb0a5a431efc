"""The routes of the service, one line per resource."""

from fastapi import APIRouter

ROUTERS: tuple[APIRouter, ...] = ()
"""Each is included in the application itself: every router between matches all routes once more."""
