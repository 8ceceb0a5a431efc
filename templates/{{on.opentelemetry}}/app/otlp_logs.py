"""Log records over OTLP, with the trace to which they belong."""

import logging

from opentelemetry._logs import Logger, LoggerProvider, SeverityNumber

from app.logging import request_id

NOT_EXPORTED = ("opentelemetry", "urllib3")
"""What the exporters themselves log: exporting it would never end."""

SEVERITIES = {
    logging.DEBUG: (SeverityNumber.DEBUG, "DEBUG"),
    logging.INFO: (SeverityNumber.INFO, "INFO"),
    logging.WARNING: (SeverityNumber.WARN, "WARN"),
    logging.ERROR: (SeverityNumber.ERROR, "ERROR"),
    logging.CRITICAL: (SeverityNumber.FATAL, "FATAL"),
}


class OtlpHandler(logging.Handler):
    """Gives records to the SDK, which adds the present trace and sends them in batches."""

    def __init__(self, provider: LoggerProvider) -> None:
        """Give them to `provider`."""
        super().__init__()
        self._provider = provider
        self._loggers: dict[str, Logger] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Give one record."""
        if record.name.startswith(NOT_EXPORTED):
            return
        attributes = dict(getattr(record, "fields", {}))
        if current := request_id.get():
            attributes["request_id"] = current
        error = record.exc_info[1] if record.exc_info else None
        number, text = SEVERITIES.get(record.levelno, (SeverityNumber.UNSPECIFIED, ""))
        self._logger(record.name).emit(
            timestamp=int(record.created * 1_000_000_000),
            severity_number=number,
            severity_text=text or record.levelname,
            body=record.getMessage(),
            attributes=attributes,
            exception=error,
        )

    def _logger(self, name: str) -> Logger:
        found = self._loggers.get(name)
        if found is None:
            found = self._loggers[name] = self._provider.get_logger(name)
        return found
