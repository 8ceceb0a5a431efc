"""The jobs of the service, one line per module that defines some: workers find them here."""

from app.reviews import tasks as reviews

MODULES = (reviews,)
