"""The export in the words of CPSV-AP 3.2 (context and shapes of SEMICeu/CPSV-AP)."""

import json
from typing import Any

import pytest
from tongban_catalog.jsonld import CONTEXT, cpsv, cpsv_of_all, item_uri
from tongban_catalog.load import load_catalog

CATALOG = load_catalog()

CLASSES = {
    "cpsv:PublicService": {"dct:identifier", "dct:title", "dct:description", "cv:hasCompetentAuthority"},
    "cv:PublicOrganisation": {"skos:prefLabel", "dct:spatial", "dct:identifier"},
    "cpsv:Rule": {"dct:identifier", "dct:title", "dct:description"},
    "eli:LegalResource": set(),
    "cv:Requirement": {"dct:identifier", "dct:title", "cv:hasSupportingEvidence"},
    "cv:Evidence": {"dct:identifier", "dct:title"},
    "cv:Cost": {"dct:identifier", "cv:hasValue", "cv:currency"},
    "cv:Channel": {"dct:identifier"},
    "cv:ContactPoint": set(),
    "cv:Output": {"dct:identifier", "dct:title"},
    "cv:Participation": {"dct:identifier", "dct:description", "cv:hasParticipant"},
    "locn:Address": {"locn:fullAddress"},
    "dct:Location": {"dct:identifier"},
    "skos:Concept": {"skos:prefLabel"},
    "dcat:Dataset": {"dct:identifier", "dct:title"},
}
"""The classes of the profile that we use, and what they need."""


def references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [one for part in value for one in references(part)]
    if isinstance(value, dict):
        return (
            [value["@id"]] if value.keys() == {"@id"} else [one for part in value.values() for one in references(part)]
        )
    return []


@pytest.mark.parametrize("name", CATALOG.items)
def test_every_item_is_a_public_service_with_all_that_belongs_to_it(name: str) -> None:
    item = CATALOG.items[name]
    document = cpsv(item, CATALOG.departments, CATALOG.resources)
    nodes = {node["@id"]: node for node in document["@graph"]}
    assert len(nodes) == len(document["@graph"])
    for node in nodes.values():
        assert CLASSES[node["@type"]] <= node.keys(), node
        assert {key.split(":")[0] for key in node if not key.startswith("@")} <= CONTEXT.keys()
        for value in node.values():
            assert [one for one in references(value) if one.startswith("urn:") and one not in nodes] == []
    service = nodes[item_uri(item)]
    assert {"@language": "en", "@value": item.name.en} in service["dct:title"]
    assert len(service["cpsv:follows"]) == len(item.steps)
    assert len(service.get("cpsv:hasInput", [])) == len(item.materials)
    assert json.loads(json.dumps(document)) == document


def test_the_whole_catalogue_is_one_document() -> None:
    document = cpsv_of_all(CATALOG.items.values(), CATALOG.departments, CATALOG.resources)
    services = [node for node in document["@graph"] if node["@type"] == "cpsv:PublicService"]
    assert len(services) == len(CATALOG.items)
    assert len({node["@id"] for node in document["@graph"]}) == len(document["@graph"])


def test_what_is_free_costs_nothing() -> None:
    document = cpsv(CATALOG.items["credit-repair"], CATALOG.departments)
    (cost,) = [node for node in document["@graph"] if node["@type"] == "cv:Cost"]
    assert cost["cv:hasValue"] == {"@type": "xsd:double", "@value": "0.0"}
