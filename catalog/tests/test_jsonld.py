"""The export in the words of CPSV-AP 3.2 (context and shapes of SEMICeu/CPSV-AP)."""

import json
from pathlib import Path
from typing import Any

import pytest
from pyshacl import validate
from rdflib import Graph
from tongban_catalog.jsonld import CONTEXT, cpsv, cpsv_of_all, item_uri
from tongban_catalog.load import load_catalog
from tongban_schemas.types import JsonObject

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib", "ignore::DeprecationWarning:pyshacl")
"""The library's own reader of JSON-LD uses what it has deprecated."""

CATALOG = load_catalog()
SHAPES = Path(__file__).with_name("cpsv_ap_shapes.ttl")

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
    "cv:Participation": {"dct:identifier", "dct:description", "cv:role", "cv:hasParticipant"},
    "foaf:Agent": {"dct:identifier", "dct:title"},
    "dct:LinguisticSystem": {"skos:prefLabel"},
    "locn:Address": {"locn:fullAddress"},
    "dct:Location": {"dct:identifier"},
    "skos:Concept": {"skos:prefLabel"},
    "dcat:Dataset": {"dct:identifier", "dct:title"},
}
"""The classes of the profile that we use, and what they need."""


def types(node: JsonObject) -> set[str]:
    return {node["@type"]} if isinstance(node["@type"], str) else set(node["@type"])


def graph(document: JsonObject) -> Graph:
    return Graph().parse(data=json.dumps(document), format="json-ld")


def faults(document: JsonObject) -> list[str]:
    """What breaks the profile's shapes."""
    conforms, _, report = validate(graph(document), shacl_graph=str(SHAPES), advanced=False)
    return [] if conforms else str(report).splitlines()


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
        for kind in types(node):
            assert CLASSES.get(kind, set()) <= node.keys(), node
        assert types(node) & CLASSES.keys()
        assert {key.split(":")[0] for key in node if not key.startswith("@")} <= CONTEXT.keys()
        for value in node.values():
            assert [one for one in references(value) if one.startswith("urn:") and one not in nodes] == []
    service = nodes[item_uri(item)]
    assert {"@language": "en", "@value": item.name.en} in service["dct:title"]
    assert len(service["cpsv:follows"]) == len(item.steps)
    assert len(service.get("cpsv:hasInput", [])) == len(item.materials)
    assert json.loads(json.dumps(document)) == document


def test_the_whole_catalogue_is_one_document_that_passes_the_shapes_of_the_profile() -> None:
    document = cpsv_of_all(CATALOG.items.values(), CATALOG.departments, CATALOG.resources)
    assert faults(document) == []
    services = [node for node in document["@graph"] if node["@type"] == "cpsv:PublicService"]
    assert len(services) == len(CATALOG.items)
    assert len({node["@id"] for node in document["@graph"]}) == len(document["@graph"])


def test_what_is_free_costs_nothing() -> None:
    document = cpsv(CATALOG.items["credit-repair"], CATALOG.departments)
    (cost,) = [node for node in document["@graph"] if node["@type"] == "cv:Cost"]
    assert cost["cv:hasValue"] == {"@type": "xsd:double", "@value": "0.0"}


def test_an_item_whose_departments_and_registers_are_not_known_passes_too() -> None:
    assert faults(cpsv(CATALOG.items["primary-school-enrolment"], {})) == []


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("cv:Participation", "cv:role"),
        ("cv:Participation", "cv:hasParticipant"),
        ("cv:PublicOrganisation", "dct:title"),
        ("cv:PublicOrganisation", "dct:spatial"),
        ("dct:LinguisticSystem", "@type"),
        ("skos:Concept", "@type"),
        ("dcat:Dataset", "dct:publisher"),
        ("cpsv:Rule", "dct:identifier"),
    ],
)
def test_the_shapes_miss_what_is_missing(kind: str, name: str) -> None:
    document = cpsv(CATALOG.items["primary-school-enrolment"], CATALOG.departments, CATALOG.resources)
    document["@graph"] = [
        {key: value for key, value in node.items() if not (key == name and kind in types(node))}
        for node in document["@graph"]
    ]
    assert faults(document) != []
