"""The texts that the stand-in asks sources with."""

WINDOW = "last 3h"


def logs_query(name: str) -> str:
    """What a component complains of."""
    return f"service:{name} status:(error OR warn)"


def latency_query(name: str) -> str:
    """How long the callers of a component wait."""
    return f"p99:trace.http.request{{service:{name}}}"


def errors_query(name: str) -> str:
    """How many calls of a component fail."""
    return f"sum:trace.http.request.errors{{service:{name}}}"


def usage_query(host: str) -> str:
    """Who uses the CPU of a host."""
    return f"avg:container.cpu.usage{{host:{host}}} by {{service}}"


def host_query(host: str) -> str:
    """How busy a host is."""
    return f"avg:system.cpu.user{{host:{host}}}"


def memory_query(name: str) -> str:
    """How much memory the tasks of a service hold."""
    return f"max:container.memory.usage{{service:{name}}} by {{host}}"


def time_query(engine: str, database: str) -> str:
    """Whose queries a database spends its time on."""
    return f"sum:{engine}.queries.time{{database:{database}}} by {{user}}"


def processor_of(database: str) -> dict[str, object]:
    """How busy the processors of a database are, as arguments of aws_metrics."""
    return {
        "namespace": "AWS/RDS",
        "metric": "CPUUtilization",
        "dimensions": {"DBInstanceIdentifier": database},
        "window": WINDOW,
    }
