"""EC2: an instance for each host, with what the story says of its state and its checks."""

import hashlib
from collections.abc import Callable
from datetime import UTC
from typing import Any

from lab.aws.answers.arns import matches
from lab.aws.scene import ACCOUNT, Parameters, Refused, Result, Scene, page
from lab.signals import DAY_MINUTES, Machine
from lab.story import instance_id
from lab.topology import Host

_CODES = {"running": 16, "stopping": 64, "stopped": 80}


def tags(scene: Scene, host: Host) -> dict[str, str]:
    """`Name`, and `Service` where one component alone runs there."""
    topology = scene.story.topology
    here = [service.name for service in topology.service if host.name in service.hosts]
    here += [database.name for database in topology.database if database.host == host.name]
    return {"Name": host.name} | ({"Service": here[0]} if len(here) == 1 else {})


def describe_instances(scene: Scene, parameters: Parameters) -> Result:
    """DescribeInstances: by ids and filters."""
    found = [_instance(scene, host) for host in _chosen(scene, parameters)]
    part, following = page(parameters, found, ("MaxResults", 1000, 1000))
    reservations = [
        {
            "ReservationId": f"r-{instance['InstanceId'][2:]}",
            "OwnerId": ACCOUNT,
            "Instances": [instance],
        }
        for instance in part
    ]
    return {"Reservations": reservations, **following}


def describe_status(scene: Scene, parameters: Parameters) -> Result:
    """DescribeInstanceStatus: of those that run, or of all with IncludeAllInstances."""
    found = [
        _status(host, _machine(scene, host))
        for host in _chosen(scene, parameters)
        if parameters.get("IncludeAllInstances") or _machine(scene, host).state == "running"
    ]
    part, following = page(parameters, found, ("MaxResults", 1000, 1000))
    return {"InstanceStatuses": part, **following}


def _machine(scene: Scene, host: Host) -> Machine:
    written = {entry.name: entry for entry in scene.story.incident.signals.machine}
    return written.get(host.name) or Machine(name=host.name)


def _chosen(scene: Scene, parameters: Parameters) -> list[Host]:
    hosts = {instance_id(host.name): host for host in scene.story.topology.host}
    ids = parameters.get("InstanceIds") or list(hosts)
    if missing := [each for each in ids if each not in hosts]:
        message = f"The instance IDs '{', '.join(missing)}' do not exist"
        raise Refused("InvalidInstanceID.NotFound", message)
    tests = [_test(each) for each in parameters.get("Filters") or ()]
    return [hosts[each] for each in ids if all(test(scene, hosts[each]) for test in tests)]


def _test(asked: dict[str, Any]) -> Callable[[Scene, Host], bool]:
    """A filter: on a tag, or one of those the lab knows."""
    name, values = asked["Name"], asked.get("Values") or []
    if name.startswith("tag:"):
        key = name.removeprefix("tag:")
        return lambda scene, host: matches(tags(scene, host).get(key, ""), values)
    read = _FILTERS.get(name)
    if read is None:
        raise Refused("InvalidParameterValue", f"The filter '{name}' is invalid")
    return lambda scene, host: matches(read(scene, host), values)


def _address(host: Host) -> str:
    seed = hashlib.sha256(host.name.encode()).digest()
    return f"10.0.{seed[0] % 16}.{1 + seed[1] % 250}"


def _instance(scene: Scene, host: Host) -> dict[str, Any]:
    state = _machine(scene, host).state
    return {
        "InstanceId": instance_id(host.name),
        "InstanceType": "m7i.xlarge",
        "State": {"Code": _CODES[state], "Name": state},
        "Placement": {"AvailabilityZone": host.zone, "Tenancy": "default"},
        "PrivateIpAddress": _address(host),
        "PrivateDnsName": f"{host.name}.internal",
        "LaunchTime": scene.story.ago(60 * DAY_MINUTES).astimezone(UTC),
        "Monitoring": {"State": "enabled"},
        "Tags": [{"Key": key, "Value": value} for key, value in tags(scene, host).items()],
    }


def _status(host: Host, machine: Machine) -> dict[str, Any]:
    running = machine.state == "running"
    mine = machine.status if running else "not-applicable"
    reached = {"ok": "passed", "impaired": "failed"}.get(mine, "initializing")
    return {
        "InstanceId": instance_id(host.name),
        "AvailabilityZone": host.zone,
        "InstanceState": {"Code": _CODES[machine.state], "Name": machine.state},
        "InstanceStatus": {
            "Status": mine,
            "Details": [{"Name": "reachability", "Status": reached}] if running else [],
        },
        "SystemStatus": {
            "Status": "ok" if running else "not-applicable",
            "Details": [{"Name": "reachability", "Status": "passed"}] if running else [],
        },
    }


_FILTERS: dict[str, Callable[[Scene, Host], str]] = {
    "instance-id": lambda _scene, host: instance_id(host.name),
    "instance-state-name": lambda scene, host: _machine(scene, host).state,
    "availability-zone": lambda _scene, host: host.zone,
    "private-ip-address": lambda _scene, host: _address(host),
    "instance-status.status": lambda scene, host: _machine(scene, host).status,
    "system-status.status": lambda _scene, _host: "ok",
}
