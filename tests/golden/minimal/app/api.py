"""The routes of the service, one line per resource."""

from fastapi import APIRouter

router = APIRouter()
