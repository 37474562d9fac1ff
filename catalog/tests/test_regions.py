"""Places by their names."""

from tongban_catalog.load import load_catalog
from tongban_catalog.regions import region_name


def test_a_place_goes_by_its_name_or_by_the_nearest_one_that_holds_it() -> None:
    name = region_name("990101")
    assert name is not None
    assert name.zh == "示范省 99 示范市示范区"
    assert region_name("990199") == region_name("990100")
    assert region_name("995555") == region_name("990000")
    assert region_name("000000") is None


def test_every_place_of_the_catalogue_has_a_name() -> None:
    catalog = load_catalog()
    places = {item.region for item in catalog.items.values()} | {
        one.region for one in catalog.departments.values() if one.region and one.region != "000000"
    }
    assert [place for place in sorted(places) if region_name(place) is None] == []
