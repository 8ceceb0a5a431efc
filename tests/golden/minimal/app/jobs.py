"""The jobs of the service, one line per module that defines some: workers find them here."""

MODULES = ()
