"""An item as linked data, in the words of CPSV-AP 3 (Core Public Service Vocabulary Application Profile). Pure.

Every node stands in one ``@graph``, and the context is spelled out, so that readers fetch nothing. Texts are in Chinese and
English. Limits are in working days mostly, which xsd:duration cannot say: they are told in the description of their rule.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from tongban_schemas.types import JsonObject, Limit

from tongban_catalog.department import Department
from tongban_catalog.form import Text
from tongban_catalog.item import Basis, Item, Material, Source, Step
from tongban_catalog.resource import Resource

MEDIA_TYPE: Final = "application/ld+json"

CONTEXT: Final[JsonObject] = {
    "cpsv": "http://purl.org/vocab/cpsv#",
    "cv": "http://data.europa.eu/m8g/",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "eli": "http://data.europa.eu/eli/ontology#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "locn": "http://www.w3.org/ns/locn#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_LANGUAGES: Final = {"ZHO": Text("中文", "Chinese"), "ENG": Text("英文", "English")}
_LANGUAGE: Final = "http://publications.europa.eu/resource/authority/language/"
_CURRENCY: Final = "http://publications.europa.eu/resource/authority/currency/CNY"
_TERRITORY: Final = "http://data.europa.eu/88u/dataset/atu-type"
"""The class of the administrative areas that organisations cover."""
_ROLES: Final = {
    "lead": Text("牵头办理", "leads the case and answers for it"),
    "decides": Text("审批", "decides a step of it"),
}
"""What a department does in a service."""
_UNITS: Final = {
    "WD": Text("个工作日", "working days"),
    "ND": Text("日", "days"),
    "WH": Text("个工作小时", "working hours"),
    "NH": Text("小时", "hours"),
}
_AUDIENCES: Final = {
    "1": Text("自然人", "natural persons"),
    "2": Text("企业法人", "enterprises"),
    "3": Text("事业法人", "public institutions"),
    "4": Text("社会组织法人", "social organisations"),
    "5": Text("行政机关", "administrative bodies"),
    "6": Text("其他", "others"),
}
"""服务对象, GB/T 39046 A.4."""


def cpsv(
    item: Item, departments: Mapping[str, Department], resources: Mapping[str, Resource] | None = None
) -> JsonObject:
    """The item as a JSON-LD document.

    ``departments`` and ``resources``: as registered and published; one that is not there appears by its id alone.
    """
    return {"@context": CONTEXT, "@graph": list(_graph(item, departments, resources or {}))}


def cpsv_of_all(
    items: Iterable[Item], departments: Mapping[str, Department], resources: Mapping[str, Resource] | None = None
) -> JsonObject:
    """A whole catalogue as one JSON-LD document; what several items share stands in it once."""
    nodes = {node["@id"]: node for item in items for node in _graph(item, departments, resources or {})}
    return {"@context": CONTEXT, "@graph": list(nodes.values())}


def item_uri(item: Item) -> str:
    return f"urn:tongban:item:{item.code}:{item.version}"


def _graph(item: Item, departments: Mapping[str, Department], resources: Mapping[str, Resource]) -> list[JsonObject]:
    uri = item_uri(item)
    bodies = sorted(
        {one for choice in item.departments.values() for one in choice.departments}
        | item.deciding_departments
        | item.certificate.issuers
        | {resources[one.resource].provider for one in item.sources if one.resource in resources}
    )
    rules = [_rule(uri, step) for step in item.steps]
    laws = {node["@id"]: node for step in item.steps for node in map(_law, _lawful(step.basis))}
    laws |= {node["@id"]: node for material in item.materials for node in map(_law, _lawful(material.basis))}
    evidence = [node for material in item.materials for node in _evidence(uri, material, item.sources)]
    datasets = {one.resource: _dataset(one.resource, resources.get(one.resource)) for one in item.sources}
    contacts = [
        _node(
            f"{uri}:contact:{number}",
            "cv:ContactPoint",
            {
                "dct:description": _words(one.name),
                "cv:telephone": one.phone,
                "cv:email": one.email,
            },
        )
        for number, one in enumerate(item.contacts, 1)
    ]
    channels, addresses = _channels(item, uri)
    costs = _costs(item, uri)
    output = _node(
        f"{uri}:output",
        "cv:Output",
        {"dct:identifier": item.certificate.kind, "dct:title": _words(item.certificate.name)},
    )
    lead = item.departments.get("lead")
    authorities = sorted(lead.departments if lead is not None else item.deciding_departments)
    participations = [
        _node(
            f"{uri}:participation:{body}",
            "cv:Participation",
            {
                "dct:identifier": body,
                "dct:description": _words(_decides(item, body)),
                "cv:role": [_ref(f"urn:tongban:role:{role}") for role in _roles(item, body, authorities)],
                "cv:hasParticipant": _ref(_body_uri(body)),
            },
        )
        for body in sorted({*item.deciding_departments, *authorities})
    ]
    roles = [
        _node(f"urn:tongban:role:{role}", "skos:Concept", {"skos:notation": role, "skos:prefLabel": _words(label)})
        for role, label in _ROLES.items()
    ]
    place = _place(item.region)
    service = _node(
        uri,
        "cpsv:PublicService",
        {
            "dct:identifier": item.code,
            "dct:title": _words(item.name),
            "dct:description": _words(item.summary),
            "dct:language": [_ref(_LANGUAGE + name) for name in _LANGUAGES],
            "dct:spatial": [_ref(place["@id"])],
            "dct:audience": [_ref(f"urn:tongban:audience:{name}") for name in item.service_objects],
            "cv:hasCompetentAuthority": [_ref(_body_uri(body)) for body in authorities],
            "cv:hasParticipation": _refs(participations),
            "cpsv:follows": _refs(rules),
            "cv:hasLegalResource": _refs(laws.values()),
            "cv:holdsRequirement": [_ref(f"{uri}:requirement:{one.id}") for one in item.materials if one.required],
            "cpsv:hasInput": [_ref(f"{uri}:evidence:{one.id}") for one in item.materials],
            "cpsv:produces": [_ref(output["@id"])],
            "cv:hasCost": _refs(costs),
            "cv:hasChannel": _refs(channels),
            "cv:contactPoint": _refs(contacts),
        },
    )
    audiences = [
        _node(f"urn:tongban:audience:{name}", "skos:Concept", {"skos:notation": name, "skos:prefLabel": _words(label)})
        for name, label in _AUDIENCES.items()
        if name in item.service_objects
    ]
    organisations = [_organisation(body, departments.get(body), place["@id"]) for body in bodies]
    places = [place, *_places(bodies, departments, place["@id"])]
    return [
        *(service, *organisations, *participations, *rules, *laws.values(), *evidence, *datasets.values(), output),
        *(*costs, *channels, *addresses, *contacts, *audiences, *roles, *places, *_TERMS),
    ]


def _roles(item: Item, body: str, authorities: Collection[str]) -> list[str]:
    return [
        *(["lead"] if body in authorities else []),
        *(["decides"] if body in item.deciding_departments else []),
    ]


def _rule(uri: str, step: Step) -> JsonObject:
    parts_zh = ["依据:" + ";".join(f"{_source(one).zh} {one.says.zh}".strip() for one in step.basis)]
    parts_en = ["Basis: " + "; ".join(f"{_source(one).en} {one.says.en}".strip() for one in step.basis)]
    for word, limit in (
        (Text("法定时限", "legal limit"), step.limits.legal),
        (Text("承诺时限", "promised"), step.limits.promised),
    ):
        if limit is not None:
            said = _duration(limit)
            parts_zh.append(f"{word.zh} {said.zh}")
            parts_en.append(f"{word.en} {said.en}")
    description = Text(
        "。".join(part.rstrip("。") for part in parts_zh) + "。", ". ".join(p.rstrip(".") for p in parts_en) + "."
    )
    return _node(
        f"{uri}:rule:{step.id}",
        "cpsv:Rule",
        {
            "dct:identifier": step.id,
            "dct:title": _words(step.name),
            "dct:description": _words(description),
            "cpsv:implements": [_ref(_law(one)["@id"]) for one in _lawful(step.basis)],
        },
    )


def _evidence(uri: str, material: Material, sources: Iterable[Source]) -> list[JsonObject]:
    evidence = _node(
        f"{uri}:evidence:{material.id}",
        "cv:Evidence",
        {
            "dct:identifier": material.id,
            "dct:title": _words(material.name),
            "dct:description": _words(
                Text(
                    f"出具:{material.issuer.zh}。取得方式:{';'.join(way.zh for way in material.obtain)}",
                    f"Issued by: {material.issuer.en}. How to get it: {'; '.join(way.en for way in material.obtain)}",
                )
            ),
            "dct:source": [_ref(_dataset_uri(one.resource)) for one in sources if one.material == material.id],
        },
    )
    if not material.required:
        return [evidence]
    requirement = _node(
        f"{uri}:requirement:{material.id}",
        "cv:Requirement",
        {
            "dct:identifier": material.id,
            "dct:title": _words(material.name),
            "dct:description": _words(
                Text(
                    "。".join(one.says.zh.rstrip("。") for one in material.basis),
                    " ".join(one.says.en for one in material.basis),
                )
            ),
            "cv:hasSupportingEvidence": [_ref(evidence["@id"])],
        },
    )
    return [{**evidence, "cv:supportsRequirement": [_ref(requirement["@id"])]}, requirement]


def _dataset_uri(resource: str) -> str:
    return f"urn:tongban:resource:{resource}"


def _dataset(name: str, resource: Resource | None) -> JsonObject:
    if resource is None:
        return _node(
            _dataset_uri(name), "rdfs:Resource", {"dct:identifier": name, "dct:title": _words(Text(name, name))}
        )
    return _node(
        _dataset_uri(name),
        "dcat:Dataset",
        {
            "dct:identifier": resource.code,
            "dct:title": _words(resource.name),
            "dct:description": _words(resource.summary),
            "dct:publisher": _ref(_body_uri(resource.provider)),
            "dct:accrualPeriodicity": _words(resource.update),
            "dct:issued": {"@type": "xsd:date", "@value": resource.published_on.isoformat()},
        },
    )


def _law(basis: Basis) -> JsonObject:
    law = basis.law if basis.law is not None else basis.says
    title = _source(basis)
    name = "".join(character if character.isalnum() and character.isascii() else "-" for character in law.en.lower())
    article = basis.article.replace(" ", "").replace(",", "+")
    return _node(
        f"urn:tongban:law:{name}:{article}",
        "eli:LegalResource",
        {"dct:title": _words(title), "dct:description": _words(basis.says)},
    )


def _lawful(basis: Iterable[Basis]) -> list[Basis]:
    return [one for one in basis if one.law is not None]


def _source(basis: Basis) -> Text:
    if basis.law is None:
        return Text("本地做法", "local practice")
    return Text(f"{basis.law.zh}第 {basis.article} 条", f"{basis.law.en} art. {basis.article}")


def _costs(item: Item, uri: str) -> list[JsonObject]:
    fees = [(one.name, one.amount_cny) for one in item.fees] or [(Text("不收费", "no fee"), 0.0)]
    return [
        _node(
            f"{uri}:cost:{number}",
            "cv:Cost",
            {
                "dct:identifier": str(number),
                "dct:description": _words(name),
                "cv:hasValue": {"@type": "xsd:double", "@value": str(amount)},
                "cv:currency": _ref(_CURRENCY),
            },
        )
        for number, (name, amount) in enumerate(fees, 1)
    ]


def _channels(item: Item, uri: str) -> tuple[list[JsonObject], list[JsonObject]]:
    online = _node(
        f"{uri}:channel:online",
        "cv:Channel",
        {"dct:identifier": "online", "dct:description": _words(Text("网上办理", "online"))},
    )
    channels, addresses = [online], []
    for number, counter in enumerate(item.counters, 1):
        hours = counter.hours or Text("", "")
        said = Text(
            ";".join(part for part in (counter.name.zh, counter.address.zh, hours.zh, counter.phone or "") if part),
            "; ".join(part for part in (counter.name.en, counter.address.en, hours.en, counter.phone or "") if part),
        )
        channels.append(
            _node(
                f"{uri}:channel:{number}",
                "cv:Channel",
                {
                    "dct:identifier": str(number),
                    "dct:description": _words(said),
                    "locn:address": [_ref(f"{uri}:address:{number}")],
                },
            )
        )
        addresses.append(
            _node(f"{uri}:address:{number}", "locn:Address", {"locn:fullAddress": _words(counter.address)})
        )
    return channels, addresses


def _organisation(body: str, department: Department | None, place: str) -> JsonObject:
    region = None if department is None else department.region
    name = _words(Text(body, body) if department is None else department.name)
    return _node(
        _body_uri(body),
        ["cv:PublicOrganisation", "foaf:Agent"],
        {
            "dct:identifier": body if department is None else department.uscc,
            "dct:title": name,
            "skos:prefLabel": name,
            "dct:spatial": [_ref(place if region is None else f"urn:tongban:region:{region}")],
        },
    )


def _places(bodies: Iterable[str], departments: Mapping[str, Department], known: str) -> list[JsonObject]:
    regions = {departments[body].region for body in bodies if body in departments}
    return [
        _place(region)
        for region in sorted(one for one in regions if one is not None)
        if f"urn:tongban:region:{region}" != known
    ]


def _place(region: str) -> JsonObject:
    return _node(f"urn:tongban:region:{region}", ["dct:Location", _TERRITORY], {"dct:identifier": region})


def _decides(item: Item, body: str) -> Text:
    steps = [step for step in item.steps if body in step.departments]
    return Text(
        "办理:" + "、".join(one.name.zh for one in steps), "decides: " + ", ".join(one.name.en for one in steps)
    )


def _duration(limit: Limit) -> Text:
    unit = _UNITS[limit.unit]
    return (
        Text("当场", "at once") if limit.number == 0 else Text(f"{limit.number} {unit.zh}", f"{limit.number} {unit.en}")
    )


def _body_uri(body: str) -> str:
    return f"urn:tongban:department:{body}"


def _words(text: Text) -> list[JsonObject]:
    return [{"@language": "zh", "@value": text.zh}, {"@language": "en", "@value": text.en}]


def _ref(uri: str) -> JsonObject:
    return {"@id": uri}


def _refs(nodes: Iterable[JsonObject]) -> list[JsonObject]:
    return [_ref(node["@id"]) for node in nodes]


def _node(uri: str, kind: str | list[str], properties: JsonObject) -> JsonObject:
    return {"@id": uri, "@type": kind, **{name: value for name, value in properties.items() if value not in (None, [])}}


_TERMS: Final = (
    *(
        _node(_LANGUAGE + name, "dct:LinguisticSystem", {"skos:prefLabel": _words(label)})
        for name, label in _LANGUAGES.items()
    ),
    _node(
        _CURRENCY, "skos:Concept", {"skos:notation": "CNY", "skos:prefLabel": _words(Text("人民币元", "yuan renminbi"))}
    ),
)
"""Terms of others that we refer to, with the classes by which the profile knows them."""
