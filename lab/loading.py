"""The Cypher that builds an incident's estate; plain enough for Neo4j and ArcadeDB alike."""

from datetime import datetime
from typing import Any

from lab.topology import Topology


def statements(topology: Topology, now: datetime) -> list[tuple[str, list[dict[str, Any]]]]:
    """The Cypher that builds the estate; plain enough for Neo4j and ArcadeDB alike."""
    services = [entry.model_dump(exclude={"hosts"}) for entry in topology.service]
    databases = [entry.model_dump(exclude={"host"}) for entry in topology.database]
    on_hosts = [
        {"from": service.name, "to": host} for service in topology.service for host in service.hosts
    ]
    on_hosts += [{"from": entry.name, "to": entry.host} for entry in topology.database]
    owned = [{"from": entry.name, "to": entry.team} for entry in topology.service]
    owned += [{"from": entry.name, "to": entry.team} for entry in topology.database]
    names = {entry.name for entry in topology.database}
    calls = [
        {
            "from": call.source,
            "to": call.target,
            "facts": call.model_dump(exclude={"source", "target"}, exclude_none=True),
        }
        for call in topology.call
    ]
    deployments = [
        {
            "from": entry.service,
            "facts": {
                **entry.model_dump(exclude={"service", "minutes_ago"}),
                "deployed_at": topology.deployed_at(entry, now),
            },
        }
        for entry in topology.deployment
    ]
    edge = (
        "UNWIND $rows AS row "
        "MATCH (a:Service|Database {{name: row.from}}), (b:{label} {{name: row.to}}) "
        "CREATE (a)-[r:{type}]->(b) SET r += row.facts"
    )
    plain_edge = edge.removesuffix(" SET r += row.facts")
    node = "UNWIND $rows AS row CREATE (n:{label}) SET n += row"
    deployed = (
        "UNWIND $rows AS row MATCH (s:Service {name: row.from}) "
        "CREATE (s)-[:HAD_DEPLOYMENT]->(d:Deployment) SET d += row.facts"
    )
    return [
        (node.format(label="Team"), [entry.model_dump() for entry in topology.team]),
        (node.format(label="Host"), [entry.model_dump() for entry in topology.host]),
        (node.format(label="Service"), services),
        (node.format(label="Database"), databases),
        (plain_edge.format(label="Host", type="RUNS_ON"), on_hosts),
        (plain_edge.format(label="Team", type="OWNED_BY"), owned),
        (
            edge.format(label="Service", type="CALLS"),
            [row for row in calls if row["to"] not in names],
        ),
        (edge.format(label="Database", type="USES"), [row for row in calls if row["to"] in names]),
        (deployed, deployments),
    ]
