"""The plant that fails, and its pagers: what a real one's APIs would be, in this process."""

from dataclasses import dataclass, field


@dataclass
class Plant:
    """`pages` and `restarts` are by idempotency key: a key seen before changes nothing. A service is well once it was
    restarted."""

    pages: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    restarts: dict[str, str] = field(default_factory=dict[str, str])
    incurable: set[str] = field(default_factory=set[str])
    unreachable: int = 0

    def page(self, who: str, text: str, key: str) -> None:
        self.pages.setdefault(key, (who, text))

    def metrics(self, service: str) -> str:
        """Raises: ConnectionError, as often as `unreachable` says."""
        if self.unreachable:
            self.unreachable -= 1
            raise ConnectionError("metrics.internal is not reachable")
        return "error rate 31 %" if not self.is_well(service) else "error rate 0 %"

    def restart(self, service: str, key: str) -> None:
        self.restarts.setdefault(key, service)

    def is_well(self, service: str) -> bool:
        return service in self.restarts.values() and service not in self.incurable


plant = Plant()
