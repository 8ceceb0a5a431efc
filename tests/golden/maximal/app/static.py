"""Static files: nginx or a CDN serves them, the service names their addresses."""

from typing import Annotated

from pydantic import BaseModel, StringConstraints


class StaticSettings(BaseModel):
    """Where browsers find them."""

    url: Annotated[str, StringConstraints(pattern=r"^(/|https?://)(\S*/)?$")]

    def address(self, name: str) -> str:
        """The address of a file of `deploy/nginx/static`."""
        return self.url + name
