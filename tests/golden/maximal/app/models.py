"""The base of all mapped classes."""

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from app.columns import NAMES


class Base(DeclarativeBase):
    """The base of all mapped classes."""

    metadata = MetaData(naming_convention=NAMES)


metadata = Base.metadata
