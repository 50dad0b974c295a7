"""How the Node peers of the graph benchmark are asked and read; the peers themselves are not run here."""

from __future__ import annotations

import base64

import orjson
import pytest

from benchmarks.graph.documents import Question, comparable
from benchmarks.graph.peers import FOLDER, PEERS, postgraphile_data, postgraphile_request

ORGANIZATION, ROW = "0199f9c4-1044-7000-8000-000000000001", "0199f9c4-12e8-78e1-b080-1379d2b457a4"


def node_id(name: str, *key: str) -> str:
    """An id as PostGraphile writes them."""
    return base64.b64encode(orjson.dumps([name, *key])).decode()


def test_postgraphile_is_asked_with_the_tenant_in_a_header() -> None:
    request = postgraphile_request(Question.of("Q4", "small"))
    assert request.headers == {"x-organization": "small"}
    assert orjson.loads(request.body or b"")["variables"] == {"slug": "small"}


def test_an_answer_of_postgraphile_is_read_as_one_of_skyledger() -> None:
    found = {"checkId": "aws.ebs.unattached", "state": "OPEN", "severity": "LOW"}
    resource = {"id": node_id("Resource", ORGANIZATION, ROW), "tags": {"env": "prod"}}
    theirs = {
        "organization": {
            "currency": "USD",
            "resources": {
                "nodes": [
                    resource
                    | {
                        "monthToDateCost": "1.50",
                        "recommendations": {
                            "nodes": [
                                {"id": node_id("Recommendation", ORGANIZATION, ROW), "convertedSaving": "7.0"} | found,
                                {"id": node_id("Recommendation", ORGANIZATION, ROW), "convertedSaving": None} | found,
                            ]
                        },
                    },
                    resource | {"monthToDateCost": None, "recommendations": {"nodes": []}},
                ]
            },
        }
    }
    answer = postgraphile_data(Question.of("Q2"), orjson.dumps({"data": theirs}))
    resource = {"id": ROW, "tags": {"env": "prod"}}
    assert comparable(answer)["organization"]["resources"]["nodes"] == [
        resource
        | {
            "monthToDateCost": {"cost": {"amount": "1.5", "currency": "USD"}},
            "recommendations": [
                {"id": ROW, "saving": {"converted": {"amount": "7", "currency": "USD"}}} | found,
                {"id": ROW, "saving": {"converted": None}} | found,
            ],
        },
        resource | {"monthToDateCost": {"cost": None}, "recommendations": []},
    ]


def test_an_answer_with_errors_is_none() -> None:
    with pytest.raises(ValueError, match="denied"):
        postgraphile_data(Question.of("Q1"), b'{"data": {"organization": null}, "errors": [{"message": "denied"}]}')


def test_the_lock_names_no_registry_and_the_servers_are_there() -> None:
    packages = orjson.loads((FOLDER / "package-lock.json").read_bytes())["packages"]
    assert not [name for name, each in packages.items() if "resolved" in each]
    assert all(each.get("integrity") for name, each in packages.items() if name)
    assert all((FOLDER / name / "server.mjs").exists() for name in ("postgraphile", "mercurius"))
    assert set(PEERS) == {"postgraphile", "mercurius", "mercurius-dataloader"}
