"""The base of all mapped classes."""

from sqlalchemy import MetaData
from sqlmodel import SQLModel

from app.columns import NAMES


class Base(SQLModel):
    """The base of all mapped classes."""

    metadata = MetaData(naming_convention=NAMES)


metadata = Base.metadata
