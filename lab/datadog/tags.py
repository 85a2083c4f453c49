"""The tags that everything in the Datadog double carries: service, host, env, team."""

from lab.story import Story

ENV = "prod"


def fields_of(story: Story, service: str, host: str = "") -> dict[str, tuple[str, ...]]:
    """The fields of a component, by tag; a tag that it has not is missing."""
    teams = {entry.name: entry.team for entry in story.topology.service}
    teams |= {entry.name: entry.team for entry in story.topology.database}
    fields = {"service": service, "host": host, "env": ENV, "team": teams.get(service, "")}
    return {name: (value,) for name, value in fields.items() if value}


def written(fields: dict[str, tuple[str, ...]]) -> list[str]:
    """The fields as Datadog writes tags: `service:cart-service`."""
    return [f"{name}:{value}" for name, values in fields.items() for value in values]
